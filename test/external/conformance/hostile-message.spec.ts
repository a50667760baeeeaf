import { createCipheriv, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Channel, search, json, type Message, unknownKid } from './channel.js';
import { b64u, channelKeys, KINDS, type Members, rsaEncrypt, sealText, unb64u } from './peer.js';
import { expectProblem, expectSealedProblem, expectStatus, testbed, titles } from './testbed.js';
import type { Outgoing, Reply } from './wire.js';

/**
 * Every message below would write a note if the server opened it. All failures of steps 1, 3 and 4 of PROTOCOL §5 must
 * look alike: one status, the same headers and the same bytes, whatever the cause.
 */
const bed = testbed();
const NOTE = JSON.stringify({ title: 'must not be kept', body: '' });
const JSON_TYPE = 'application/json';

describe.each(KINDS)('a hostile message on a channel of kind %s', (kind) => {
  let channel: Channel;
  const faces = new Map<string, string[]>();

  beforeAll(async () => {
    channel = await bed.visitor().handshake(kind);
  });
  function rejected(cause: string, reply: Reply): void {
    try {
      expectProblem(reply, 'message-rejected');
    } catch (error) {
      throw new Error(`${cause}: ${(error as Error).message}`, { cause: error });
    }
    const headers: string[] = [];
    for (let i = 0; i < reply.rawHeaders.length; i += 2) {
      if (reply.rawHeaders[i] !== 'Date') headers.push(`${reply.rawHeaders[i]}: ${reply.rawHeaders[i + 1]}`);
    }
    const face = JSON.stringify([reply.status, headers, reply.body]);
    faces.set(face, [...(faces.get(face) ?? []), cause]);
  }

  const header = (more: Members = {}): Members => channel.header('POST', '/notes', { cty: JSON_TYPE, ...more });
  const sealed = (text: string, plaintext: string | Uint8Array = NOTE): string =>
    sealText(channel.keys.request, text, plaintext);
  const honest = (more: Members = {}): string => sealed(JSON.stringify(header(more)));
  const post = (jwe: string | Uint8Array, more: Partial<Outgoing> = {}): Promise<Reply> =>
    channel.visitor.send({
      method: 'POST',
      target: '/notes',
      body: jwe,
      ...more,
      headers: { 'Content-Type': 'application/jose', ...more.headers },
    });
  const each = async (cases: Record<string, string | Uint8Array>): Promise<void> => {
    for (const [cause, jwe] of Object.entries(cases)) rejected(cause, await post(jwe));
  };
  const parts = (jwe = honest()): string[] => jwe.split('.');
  const withPart = (at: number, change: (part: string) => string): string => {
    const all = parts();
    all[at] = change(all[at] ?? '');
    return all.join('.');
  };
  const flip = (part: string, byte: number, bit: number): string => {
    const bytes = Buffer.from(part, 'base64url');
    bytes.writeUInt8(bytes.readUInt8(byte) ^ (1 << bit), byte);
    return b64u(bytes);
  };

  it('with one bit changed, in any byte of any part', async () => {
    const template = parts();
    const [head = '', , iv = '', ciphertext = '', tag = ''] = template;
    for (const [at, part] of [
      [0, head],
      [2, iv],
      [3, ciphertext],
      [4, tag],
    ] as const) {
      const text = Buffer.from(part, 'base64url').toString('latin1');
      const kidAt = text.indexOf(channel.kid);
      const step = at === 0 && kind === 'RSA' ? 5 : 1;
      for (let byte = 0; byte < text.length; byte += step) {
        const changed = [...template];
        changed[at] = flip(part, byte, byte % 7);
        const reply = await post(changed.join('.'));
        // Where the bit is in the value of `kid`, the message names another channel, or none in the right form.
        const names = at === 0 && byte >= kidAt && byte < kidAt + channel.kid.length;
        if (names && reply.status === 428) expectProblem(reply, 'handshake-required');
        else rejected(`part ${at}, byte ${byte}`, reply);
      }
    }
  });

  it('with a key part where dir has none', async () => {
    for (const key of ['AA', b64u(randomBytes(32)), b64u(randomBytes(256)), channel.ek ?? 'AAAA']) {
      rejected(`a key part of ${key.length}`, await post(withPart(1, () => key)));
    }
  });

  it('with a tag or an IV of another length', async () => {
    for (const length of [15, 14, 13, 12, 8, 4, 1, 0]) {
      rejected(`a tag of ${length}`, await post(withPart(4, (tag) => b64u(unb64u(tag).subarray(0, length)))));
    }
    rejected('a tag of 17', await post(withPart(4, (tag) => b64u(Buffer.concat([unb64u(tag), Buffer.alloc(1)])))));
    for (const length of [0, 1, 8, 11, 13, 16]) {
      const iv = randomBytes(Math.max(length, 1));
      const jwe = sealText(channel.keys.request, JSON.stringify(header()), NOTE, { iv });
      rejected(`an IV of ${length}`, await post(length ? jwe : jwe.replace(/\.[^.]+(?=\.[^.]+\.[^.]+$)/, '.')));
    }
  });

  it('with a short tag that is right for its length', async () => {
    for (const authTagLength of [4, 8, 12, 13, 14, 15]) {
      const [head, iv] = [b64u(JSON.stringify(header())), randomBytes(12)];
      const cipher = createCipheriv('aes-256-gcm', channel.keys.request, iv, { authTagLength });
      cipher.setAAD(Buffer.from(head));
      const ciphertext = b64u(Buffer.concat([cipher.update(NOTE), cipher.final()]));
      rejected(
        `a true tag of ${authTagLength}`,
        await post([head, '', b64u(iv), ciphertext, b64u(cipher.getAuthTag())].join('.')),
      );
    }
  });

  it('with another number of parts, or with anything around them', async () => {
    const jwe = honest();
    const all = parts(jwe);
    await each({
      'four parts': all.slice(0, 4).join('.'),
      'six parts': `${jwe}.`,
      'six parts, the last not empty': `${jwe}.AA`,
      'one part': all[0] ?? '',
      'dots only': '....',
      'a space before': ` ${jwe}`,
      'a newline after': `${jwe}\n`,
      'a newline inside': `${jwe.slice(0, 50)}\n${jwe.slice(50)}`,
      'a NUL after': `${jwe}\0`,
      'a BOM before': `\ufeff${jwe}`,
      'two messages': `${jwe}\n${honest()}`,
      'a JSON string': JSON.stringify(jwe),
      'a JSON serialization': JSON.stringify({
        protected: all[0],
        iv: all[2],
        ciphertext: all[3],
        tag: all[4],
      }),
      'plain JSON': NOTE,
      'bytes that are no text': Buffer.from([0xff, 0xfe, 0x2e, 0x2e, 0x2e, 0x2e]),
      'a million dots': '.'.repeat(1_000_000),
    });
  });

  it('in base64url that is not canonical', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const unused = (part: string): string => `${part.slice(0, -1)}${alphabet[alphabet.indexOf(part.slice(-1)) + 1]}`;
    for (const at of [0, 2, 3, 4]) {
      rejected(
        `padding in part ${at}`,
        await post(withPart(at, (part) => `${part}${'='.repeat((4 - (part.length % 4)) % 4 || 4)}`)),
      );
      rejected(`= in part ${at}`, await post(withPart(at, (part) => `${part}=`)));
      rejected(`! in part ${at}`, await post(withPart(at, (part) => `${part.slice(0, 3)}!${part.slice(3)}`)));
      rejected(`a space in part ${at}`, await post(withPart(at, (part) => `${part.slice(0, 3)} ${part.slice(3)}`)));
      rejected(
        `1 mod 4 in part ${at}`,
        await post(withPart(at, (part) => part + 'A'.repeat((5 - (part.length % 4)) % 4 || 4))),
      );
      rejected(`empty part ${at}`, await post(withPart(at, () => '')));
    }
    // Unused bits set: the tag's 22 characters carry 132 bits for 128; the others where their length leaves any.
    rejected('unused bits of the tag', await post(withPart(4, unused)));
    for (const [at, length] of [
      [0, NOTE.length],
      [3, NOTE.length],
    ] as const) {
      for (let pad = 0; pad < 3; pad++) {
        const head = JSON.stringify(header({ pad: 'x'.repeat(pad) }));
        const all = sealed(head, NOTE + ' '.repeat(pad)).split('.');
        if ((all[at] ?? '').length % 4 === 0) continue;
        all[at] = unused(all[at] ?? '');
        rejected(`unused bits of part ${at}, ${length + pad}`, await post(all.join('.')));
      }
    }
    // The other alphabet, in a message whose every part is right otherwise.
    for (let left = 200; left > 0; left--) {
      const jwe = honest();
      if (!/[-_]/.test(parts(jwe)[3] ?? '')) continue;
      const all = parts(jwe);
      all[3] = (all[3] ?? '').replace(/-/g, '+').replace(/_/g, '/');
      rejected('the alphabet of base64', await post(all.join('.')));
      break;
    }
  });

  it('with a header member missing', async () => {
    const members = ['alg', 'enc', 'typ', 'kid', 'seq', 'iat', 'method', 'target', 'cty'];
    for (const name of members) {
      rejected(`no ${name}`, await post(sealed(JSON.stringify(header({ [name]: undefined })))));
    }
  });

  it('with a header member of another type', async () => {
    const wrong: Record<string, unknown[]> = {
      alg: [null, 1, true, ['dir'], {}],
      enc: [null, 1, true, ['A256GCM'], {}],
      typ: [null, 1, true, ['e2e-req+jwe'], {}],
      kid: [null, 1, true, [channel.kid], { kid: channel.kid }],
      seq: [null, '77', true, [77], {}, 77.5, -1, 0, 2 ** 32 + 1, 1e300, '', 2 ** 53],
      iat: [null, String(Math.floor(Date.now() / 1000)), true, [], {}, Date.now() / 1000 + 0.25],
      method: [null, 1, true, ['POST'], {}, ''],
      target: [null, 1, true, ['/notes'], {}, ''],
      cty: [null, 1, true, [JSON_TYPE], {}, ''],
      idem: [null, 1, true, [], {}],
      ek: kind === 'RSA' ? [null, 1, true, [channel.ek], {}] : [null, 1, '', b64u(randomBytes(256))],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) rejected(`${name}: ${JSON.stringify(value)}`, await post(honest({ [name]: value })));
    }
    const idem = { headers: { 'Idempotency-Key': '1' } };
    rejected('a number as idem, the header the same', await post(honest({ idem: 1 }), idem));
  });

  it('with a member named twice, however it is spelled', async () => {
    const base = header({ x: 1 });
    for (const [name, value] of Object.entries(base)) {
      const text = JSON.stringify({ ...base, seq: channel.next() });
      const member = `"${name}":${JSON.stringify(name === 'seq' ? channel.next() : value)}`;
      rejected(`${name} again at the end`, await post(sealed(text.replace(/}$/, `,${member}}`))));
      rejected(`${name} again in front`, await post(sealed(text.replace(/^{/, `{${member},`))));
      const escaped = member.replace(/^"(.)/, (_, c: string) => `"\\u00${c.charCodeAt(0).toString(16)}`);
      rejected(`${name} again, escaped`, await post(sealed(text.replace(/}$/, `, ${escaped} }`))));
    }
  });

  it('with a header that is no JSON object in UTF-8', async () => {
    const text = JSON.stringify(header());
    const bytes = Buffer.from(text.replace('"typ"', '"x":"\u00ff","typ"'), 'latin1');
    await each({
      'an array': sealed(`[${text}]`),
      null: sealed('null'),
      'a string': sealed('"e2e"'),
      'a number': sealed('1'),
      nothing: sealed(''),
      'an empty object': sealed('{}'),
      'members of a prototype': sealed(`{"__proto__":${text}}`),
      'an open brace': sealed(text.slice(0, -1)),
      'a trailing comma': sealed(text.replace(/}$/, ',}')),
      'something after it': sealed(`${text}{}`),
      'a comment': sealed(`/**/${text}`),
      'a BOM': sealed(`\ufeff${text}`),
      'a leading zero': sealed(text.replace(/"seq":/, '"seq":0')),
      'single quotes': sealed(text.replace(/"/g, "'")),
      'deep nesting': sealed(text.replace(/}$/, `,"x":${'['.repeat(1500)}${']'.repeat(1500)}`)),
      'bytes that are not UTF-8': withHead(bytes),
      'more than 4,096 bytes': honest({ pad: 'x'.repeat(4096) }),
    });
  });
  const withHead = (head: Uint8Array): string => {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', channel.keys.request, iv);
    cipher.setAAD(Buffer.from(b64u(head)));
    const ciphertext = b64u(Buffer.concat([cipher.update(NOTE), cipher.final()]));
    return [b64u(head), '', b64u(iv), ciphertext, b64u(cipher.getAuthTag())].join('.');
  };

  it('with zip, crit, or another typ, alg or enc', async () => {
    const cases: Members[] = [
      ...['DEF', '', null, 'none'].map((zip) => ({ zip })),
      ...[['exp'], [], null, 'exp', ['seq']].map((crit) => ({ crit, exp: 1 })),
      ...['JWT', 'e2e-res+jwe', 'e2e-req+jws', 'e2e-device+jws', 'application/jose', ''].map((typ) => ({ typ })),
      ...['A128GCM', 'A192GCM', 'A256CBC-HS512', 'a256gcm', 'none', ''].map((enc) => ({ enc })),
      ...[
        'DIR',
        'none',
        'RSA-OAEP',
        'RSA1_5',
        'RSA-OAEP-512',
        'A256KW',
        'A256GCMKW',
        'ECDH-ES',
        'PBES2-HS256+A128KW',
        'HS256',
        '',
      ].map((alg) => ({ alg })),
      { alg: 'RSA-OAEP-256' },
      { alg: 'RSA-OAEP-256', ek: undefined },
    ];
    for (const more of cases) rejected(JSON.stringify(more), await post(honest(more)));
  });

  it('for another method, target or Idempotency-Key than the request has', async () => {
    for (const method of ['GET', 'PUT', 'post', 'Post', 'POST ', 'PATCH']) {
      rejected(`method ${method}`, await post(honest({ method })));
    }
    for (const target of [
      '/echo',
      '/notes/',
      '/notes?',
      '/notes?a=1',
      '/notes#',
      '/%6eotes',
      '/Notes',
      '//notes',
      '/./notes',
      'notes',
      ' /notes',
      `${bed.sample().base}/notes`,
      '*',
    ]) {
      rejected(`target ${target}`, await post(honest({ target })));
    }
    for (const target of [
      '/notes?a=2',
      '/notes?',
      '/notes',
      '/notes?a=1&a=1',
      '/notes?a=%31',
      '/notes?b=1&a=1',
      '/notes?A=1',
    ]) {
      rejected(`sent to ${target}`, await post(honest({ target: '/notes?a=1' }), { target }));
    }
    const key = (value: string): Partial<Outgoing> => ({ headers: { 'Idempotency-Key': value } });
    rejected('idem that is not there', await post(honest({ idem: 'a' })));
    rejected('an Idempotency-Key that was not sealed', await post(honest(), key('a')));
    rejected('another Idempotency-Key', await post(honest({ idem: 'a' }), key('b')));
    rejected('another case', await post(honest({ idem: 'a' }), key('A')));
    rejected('two keys', await post(honest({ idem: 'a' }), { headers: { 'Idempotency-Key': ['a', 'b'] } }));
    rejected('an empty idem', await post(honest({ idem: '' })));
    const get = channel.message('GET', '/notes');
    rejected('a GET as a POST', await channel.post(get, { method: 'POST' }));
    rejected('a GET as a DELETE', await channel.post(get, { method: 'DELETE' }));
  });

  it('sealed under any key but the request key', async () => {
    const text = JSON.stringify(header());
    const other = await channel.visitor.handshake(kind);
    const keys: Record<string, Uint8Array> = {
      'the response key': channel.keys.response,
      zeros: Buffer.alloc(32),
      'another channel': other.keys.request,
      'the transcript hash': channel.th,
      'keys without a secret': channelKeys(Buffer.alloc(kind === 'RSA' ? 64 : 32), channel.th).request,
      ...(channel.ss ? { 'ss alone': channelKeys(channel.ss, channel.th).request } : {}),
    };
    for (const [cause, key] of Object.entries(keys)) rejected(cause, await post(sealText(key, text, NOTE)));
    rejected('for another channel of the session', await post(sealed(JSON.stringify(header({ kid: other.kid })))));
  });

  it('that is an answer of the server, sent back', async () => {
    const answer = await channel.request('POST', '/echo', { text: NOTE, cty: JSON_TYPE });
    rejected('the answer itself', await post(answer.wire.body));
    const turned = { ...header(), typ: 'e2e-req+jwe' };
    rejected('its key, a request', await post(sealText(channel.keys.response, JSON.stringify(turned), NOTE)));
    rejected('a response by the request key', await post(honest({ typ: 'e2e-res+jwe', status: 200 })));
  });

  it('that is not the only one, or has a plain body', async () => {
    const get = (): Message => channel.message('GET', '/notes');
    const both = channel.message('POST', '/notes');
    rejected('a header and a body', await post(honest(), { headers: { 'E2e-Request': both.jwe } }));
    rejected('twice the same', await post(both.jwe, { headers: { 'E2e-Request': both.jwe } }));
    for (const type of [JSON_TYPE, 'text/plain', 'application/x-www-form-urlencoded']) {
      rejected(
        `a header beside ${type}`,
        await post(NOTE, { headers: { 'Content-Type': type, 'E2e-Request': channel.message('POST', '/notes').jwe } }),
      );
    }
    const plain = channel.message('POST', '/plain/echo');
    rejected(
      'a header beside the body of a route in the clear',
      await post(NOTE, { target: '/plain/echo', headers: { 'Content-Type': JSON_TYPE, 'E2e-Request': plain.jwe } }),
    );
    for (const type of [{}, { 'Content-Type': JSON_TYPE }]) {
      const headers = { ...type, 'E2e-Request': get().jwe };
      rejected('a GET with a body', await channel.visitor.send({ target: '/notes', headers, body: '{}' }));
    }
    rejected('an empty header', await channel.visitor.send({ target: '/notes', headers: { 'E2e-Request': '' } }));
    const two = { target: '/notes', headers: { 'E2e-Request': [get().jwe, get().jwe] } };
    rejected('two headers', await channel.visitor.send(two));
    rejected(
      'a list in one header',
      await channel.visitor.send({ target: '/notes', headers: { 'E2e-Request': `${get().jwe}, ${get().jwe}` } }),
    );
    rejected(
      'nonsense in the header',
      await channel.visitor.send({ target: '/notes', headers: { 'E2e-Request': 'x' } }),
    );
  });

  it('with a sealed query beside one in the URL, or a header that carries anything else', async () => {
    const query = channel.message('GET', '/notes?page=1', search('search=x'));
    rejected('two queries', await channel.post(query));
    const other = channel.message('GET', '/notes', json({ search: 'x' }));
    rejected('JSON in the header', await channel.post(other));
    const untyped = channel.message('GET', '/notes', { text: 'search=x' });
    rejected('a query without cty', await channel.post(untyped));
  });

  it('with a plaintext whose media type is no full media type of the protocol', async () => {
    for (const cty of [
      'json',
      'application/json; charset=iso-8859-1',
      'application/json; charset="iso-8859-1"',
      'application/json; charset=utf-8; a=b; A=c',
      'application/json; charset=utf-8; charset=utf-8',
      'application/json; a',
      'application/json; a=b c',
      'application/json; a="b',
      'application/json, text/plain',
      'application/jose',
      'Application/JOSE; a=b',
      'application/vnd.e2e.stream',
      `application/json; a=${'b'.repeat(255)}`,
      'a b',
    ]) {
      const message = channel.message('POST', '/notes', { text: NOTE, cty });
      const reply = await channel.post(message);
      // Refused as malformed, or opened and found unsupported: PROTOCOL §4 gives the form, §5 does not place its check.
      if ((reply.headers['content-type'] ?? '').startsWith('application/jose')) {
        expect(channel.open(reply, message).status).toBeGreaterThanOrEqual(400);
      } else rejected(cty, reply);
    }
  });

  it('to a route in the clear, or a missing one, is refused as well', async () => {
    for (const target of ['/plain/echo', '/nowhere']) {
      const jwe = channel.message('POST', target, json(1)).jwe;
      rejected(target, await post(jwe.replace(/.{4}$/, 'AAAA'), { target }));
    }
    const health = channel.message('GET', '/health').jwe.replace(/.{4}$/, 'AAAA');
    rejected('/health', await channel.visitor.send({ target: '/health', headers: { 'E2e-Request': health } }));
  });

  it('is judged in the order of §5', async () => {
    const [kid, iat] = [unknownKid(), Math.floor(Date.now() / 1000) - 1000];
    rejected('malformed comes before unknown', await post(honest({ kid, typ: 'JWT' })));
    expectProblem(await post(honest({ kid, target: '/echo', iat })), 'handshake-required');
    expectProblem(await post(sealText(randomBytes(32), JSON.stringify(header({ kid })), NOTE)), 'handshake-required');
    rejected('another target comes before stale', await post(honest({ target: '/echo', iat })));
    const message = channel.message('POST', '/echo', json(1));
    expectStatus(channel.open(await channel.post(message), message), 201);
    const stale = channel.message('POST', '/echo', json(1), { seq: message.header.seq, iat });
    expectSealedProblem(channel.open(await channel.post(stale), stale), 'message-stale');
    const moved = channel.message('POST', '/notes', json(1), { seq: message.header.seq });
    rejected('another target comes before replayed', await channel.post(moved, { target: '/echo' }));
  });

  if (kind === 'RSA') {
    it('with an ek that is garbage, of another length, or holds anything but 32 bytes', async () => {
      const foreign = await bed.visitor().handshake('RSA');
      const holding = (bytes: number): string => b64u(rsaEncrypt(channel.serverKey, randomBytes(bytes)));
      const eks: Record<string, string> = {
        empty: '',
        'one byte': 'AA',
        'random bytes': b64u(randomBytes(256)),
        zeros: b64u(Buffer.alloc(256)),
        ones: b64u(Buffer.alloc(256, 255)),
        'a byte short': b64u(unb64u(channel.ek ?? '').subarray(1)),
        'a byte long': b64u(Buffer.concat([unb64u(channel.ek ?? ''), Buffer.alloc(1)])),
        'a zero in front': b64u(Buffer.concat([Buffer.alloc(1), unb64u(channel.ek ?? '')])),
        '512 bytes': b64u(randomBytes(512)),
        '1,000 bytes': b64u(randomBytes(1000)),
        'for another server key': b64u(rsaEncrypt(foreign.serverKey, randomBytes(32))),
        'a bit changed': flip(channel.ek ?? '', 200, 3),
        padded: `${channel.ek}==`,
        'not base64url': '!'.repeat(342),
        '31 bytes inside': holding(31),
        '33 bytes inside': holding(33),
        'nothing inside': holding(0),
        '190 bytes inside': holding(190),
      };
      for (const [cause, ek] of Object.entries(eks)) rejected(`ek: ${cause}`, await post(honest({ ek })));
      const last = (channel.ek ?? '').slice(-1);
      const twin = { A: 'B', Q: 'R', g: 'h', w: 'x' }[last] ?? 'B';
      rejected('ek with unused bits', await post(honest({ ek: (channel.ek ?? '').slice(0, -1) + twin })));
      const inKeyPart = sealText(channel.keys.request, JSON.stringify(header({ ek: undefined })), NOTE, {
        encryptedKey: channel.ek ?? '',
      });
      rejected('ek in the key part', await post(inKeyPart));
    });

    it('in the plain way, with a key part that is garbage or holds anything but 32 bytes', async () => {
      const head = (more: Members = {}): string =>
        JSON.stringify(header({ alg: 'RSA-OAEP-256', ek: undefined, ...more }));
      const cek = randomBytes(32);
      const right = b64u(rsaEncrypt(channel.serverKey, cek));
      const foreign = await bed.visitor().handshake('RSA');
      const keyParts: Record<string, string> = {
        empty: '',
        random: b64u(randomBytes(256)),
        short: b64u(randomBytes(255)),
        long: b64u(randomBytes(257)),
        'for another': b64u(rsaEncrypt(foreign.serverKey, cek)),
        changed: flip(right, 100, 1),
        'with 16 bytes': b64u(rsaEncrypt(channel.serverKey, cek.subarray(0, 16))),
        'with 33 bytes': b64u(rsaEncrypt(channel.serverKey, Buffer.concat([cek, Buffer.alloc(1)]))),
        'with nothing': b64u(rsaEncrypt(channel.serverKey, Buffer.alloc(0))),
      };
      for (const [cause, encryptedKey] of Object.entries(keyParts)) {
        rejected(`plain, key part ${cause}`, await post(sealText(cek, head(), NOTE, { encryptedKey })));
      }
      const misplaced = head({ ek: channel.ek });
      rejected('plain, with ek', await post(sealText(cek, misplaced, NOTE, { encryptedKey: right })));
      const zip = head({ zip: 'DEF' });
      rejected('plain, zip', await post(sealText(cek, zip, NOTE, { encryptedKey: right })));
      const target = head({ target: '/echo' });
      rejected('plain, another target', await post(sealText(cek, target, NOTE, { encryptedKey: right })));
      const other = sealText(channel.keys.request, head(), NOTE, { encryptedKey: right });
      rejected('plain, under the request key', await post(other));
    });
  }

  it('left no note behind, and one constant answer for every cause', async () => {
    expect(await titles(channel)).toEqual([]);
    // One status, one body, one set of headers: nothing tells causes apart.
    expect([...faces].map(([face, causes]) => ({ face, causes: causes.slice(0, 5) }))).toHaveLength(1);
    expect([...faces.values()].flat().length).toBeGreaterThan(400);
  });
});

describe('a body announced as a message that is empty', () => {
  it('is refused', async () => {
    const { visitor } = await bed.visitor().handshake('X25519');
    const reply = await visitor.send({
      method: 'POST',
      target: '/notes',
      headers: { 'Content-Type': 'application/jose' },
      body: '',
    });
    // No message at all, or a malformed one: PROTOCOL §8 allows either reading.
    expectProblem(reply, reply.status === 415 ? 'message-required' : 'message-rejected');
  });
});
