import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Bytes, ContentKey, CryptoEngine } from '../../../src/protocol/crypto.js';
import { fromUtf8, parseJsonObject, utf8 } from '../../../src/protocol/json.js';
import { joinJwe, splitJwe } from '../../../src/protocol/jwe.js';
import {
  HYBRID,
  KEY_KINDS,
  parsePublicKey,
  parseSigningKey,
  signatureAlgorithm,
  thumbprintInput,
  type KeyKind,
  type PublicJwk,
  type SigningJwk,
} from '../../../src/protocol/keys.js';
import { parseRequestHeader, parseResponseHeader } from '../../../src/protocol/message.js';
import { parseRequestMeta, parseResponseMeta, renderMeta } from '../../../src/protocol/meta.js';
import type { FrameKind } from '../../../src/protocol/frames.js';
import { encodeSocketEnd, SOCKET_KIND, type SocketKind } from '../../../src/protocol/socket.js';
import { FrameOpener, FrameSealer } from '../../../src/client/channel/frames.js';
import { SocketOpener, SocketSealer } from '../../../src/client/channel/sockets.js';
import {
  AGAIN_KEY_INFO,
  againInput,
  FRAMES_INFO,
  REQUEST_FRAMES_INFO,
  REQUEST_KEY_INFO,
  RESPONSE_FRAMES_INFO,
  RESPONSE_KEY_INFO,
  joinSecrets,
  transcriptInput,
  type Transcript,
} from '../../../src/protocol/schedule.js';
import { describeVectors } from '../../support/vectors.js';
import { engines, has, publicHalf, type PrivateJwk } from './engines.js';

interface Message {
  readonly name: string;
  readonly header: Record<string, unknown>;
  readonly meta?: { readonly query?: string; readonly headers?: Record<string, string> };
  readonly body?: string;
  /** Meta and body together, in base64url. */
  readonly plaintext: string;
  readonly iv: string;
  readonly jwe: string;
}
interface Stream extends Message {
  readonly direction: 'request' | 'response';
  readonly frameKey: string;
  readonly frames: readonly { readonly kind: FrameKind; readonly body: string; readonly bytes: string }[];
  readonly wire: string;
}
interface Direction {
  readonly head: Message;
  readonly frameKey: string;
  readonly messages: readonly { readonly kind: SocketKind; readonly body: string; readonly bytes: string }[];
}
interface Channel {
  readonly kind: KeyKind;
  readonly clientKey: PrivateJwk;
  readonly serverKey: PrivateJwk;
  readonly jkt: string;
  readonly identityKey: SigningJwk;
  readonly handshake: Omit<Transcript, 'jkt'> & { readonly publicKey: PublicJwk; readonly proof: string };
  readonly transcriptHash: string;
  readonly ss?: string;
  readonly cs?: string;
  readonly ek?: string;
  readonly ikm: string;
  readonly requestKey: string;
  readonly responseKey: string;
  readonly requestFrames: string;
  readonly responseFrames: string;
  readonly againKey: string;
  readonly requests: readonly Message[];
  readonly responses: readonly Message[];
  readonly streams: readonly Stream[];
  readonly socket: Readonly<Record<'client' | 'server', Direction>>;
  readonly stock?: { request: string; response: string; plaintext: string };
}

const own = readFileSync(new URL('../../../vectors/e2e-1.json', import.meta.url), 'utf8');

describe('the published vectors', () => describeFile(JSON.parse(own) as File));
describeVectors<File>('the vectors of another implementation', 'protocol-v1.json', describeFile);

interface File {
  readonly channels: readonly Channel[];
}

function describeFile({ channels: all }: File): void {
  const channels = all.filter(({ kind }) => KEY_KINDS.includes(kind));

  it('hold one channel of each kind', () => {
    expect(channels.map(({ kind }) => kind)).toEqual([...KEY_KINDS]);
  });

  describe.each(engines.map((engine) => [engine.name, engine] as const))('on the %s engine', (_, engine) => {
    describe.each(channels.map((channel) => [channel.kind, channel] as const))('a channel of kind %s', (_, channel) => {
      describeChannel(engine, channel);
    });
  });
}

function describeChannel(engine: CryptoEngine, channel: Channel): void {
  const bytes = (text: string | undefined): Bytes => {
    const decoded = engine.decodeBase64url(text!);
    if (!decoded) throw new Error('the vector is not base64url');
    return decoded;
  };
  const text = (value: Bytes | undefined) => value && engine.encodeBase64url(value);
  const thumbprint = async (jwk: PublicJwk | SigningJwk) => text(await engine.sha256(thumbprintInput(jwk)));

  it('has keys that are accepted, under these thumbprints', async () => {
    const clientKey = publicHalf(channel.clientKey);
    expect(parsePublicKey(clientKey)).toEqual(clientKey);
    expect(parsePublicKey(channel.handshake.publicKey)).toEqual(publicHalf(channel.serverKey));
    expect(await thumbprint(clientKey)).toBe(channel.jkt);
    expect(await thumbprint(channel.handshake.publicKey)).toBe(channel.handshake.kid);
  });

  it('has this transcript hash, and from it these keys', async () => {
    const identity = await thumbprint(channel.identityKey);
    const th = await engine.sha256(transcriptInput({ jkt: channel.jkt, ...channel.handshake, identity }));
    expect(text(th)).toBe(channel.transcriptHash);
    const derived = async (ikm: string, info: Bytes) => text(await engine.hkdf(bytes(ikm), th, info));
    expect(await derived(channel.ikm, REQUEST_KEY_INFO)).toBe(channel.requestKey);
    expect(await derived(channel.ikm, RESPONSE_KEY_INFO)).toBe(channel.responseKey);
    expect(await derived(channel.ikm, REQUEST_FRAMES_INFO)).toBe(channel.requestFrames);
    expect(await derived(channel.ikm, RESPONSE_FRAMES_INFO)).toBe(channel.responseFrames);
    const again = channel.kind === 'RSA' ? channel.ss! : channel.ikm;
    expect(await derived(again, AGAIN_KEY_INFO)).toBe(channel.againKey);
  });

  it('has a copy of its first request whose tag its own client made', async () => {
    const { header } = channel.requests.find(({ name }) => name === 'sent again')!;
    const { kid, seq, again } = parseRequestHeader(JSON.stringify(header))!;
    const mac = await engine.hmac(bytes(channel.againKey), againInput(again!.seq, kid, seq));
    expect(text(mac.subarray(0, 16))).toBe(again!.tag);
  });

  if (has(engine, channel.kind) && channel.kind === 'RSA') {
    it('gets ss from the secret and cs from ek, which make up its key material', async () => {
      const ss = await openPlain(channel.clientKey, channel.handshake.secret!);
      const serverKey = await engine.importPrivateKey(channel.serverKey);
      const cs = await engine.rsaDecrypt(serverKey, bytes(channel.ek));
      expect([text(ss), text(cs)]).toEqual([channel.ss, channel.cs]);
      expect(text(joinSecrets(ss!, cs!))).toBe(channel.ikm);
    });

    it('opens the messages that stock JOSE made for either end', async () => {
      const { request, response, plaintext } = channel.stock!;
      expect(parseRequestHeader(headerText(request))).toMatchObject({ alg: 'RSA-OAEP-256' });
      expect(parseResponseHeader(headerText(response))).toMatchObject({ alg: 'RSA-OAEP-256' });
      expect(fromUtf8((await openPlain(channel.serverKey, request))!)).toBe(plaintext);
      expect(fromUtf8((await openPlain(channel.clientKey, response))!)).toBe(plaintext);
    });

    it('opens no message with the key of the other end', async () => {
      expect(await openPlain(channel.clientKey, channel.stock!.request)).toBeUndefined();
    });

    it('makes a secret and an ek of its own that open again', async () => {
      const clientKey = await engine.importPublicKey(publicHalf(channel.clientKey));
      const secret = engine.randomBytes(32);
      const wrapped = await engine.rsaEncrypt(clientKey, secret);
      const unwrapped = await engine.rsaDecrypt(await engine.importPrivateKey(channel.clientKey), wrapped);
      expect(wrapped).toHaveLength(256);
      expect(text(unwrapped)).toBe(text(secret));
    });
  }

  if (has(engine, channel.kind) && channel.kind === HYBRID) {
    it('gets ss from the secret, which makes up its key material with what the X25519 halves agree on', async () => {
      const { clientKey, serverKey, handshake } = channel;
      const own = await engine.importPrivateKey(clientKey);
      const ss = await engine.decapsulate!(own, bytes(handshake.secret));
      const shared = await engine.agree(own, await engine.importPublicKey(publicHalf(serverKey)));
      expect(text(ss)).toBe(channel.ss);
      expect(text(joinSecrets(ss!, shared!))).toBe(channel.ikm);
      const server = await engine.importPrivateKey(serverKey);
      expect(await engine.agree(server, await engine.importPublicKey(publicHalf(clientKey)))).toEqual(shared);
    });

    it('gets nothing from a secret of another length, and another secret from a changed one', async () => {
      const own = await engine.importPrivateKey(channel.clientKey);
      const secret = bytes(channel.handshake.secret);
      for (const wrong of [secret.subarray(1), Uint8Array.from([...secret, 0]), new Uint8Array(0)]) {
        expect(await engine.decapsulate!(own, wrong)).toBeUndefined();
      }
      const changed = Uint8Array.from(secret);
      changed[500]! ^= 1;
      const other = await engine.decapsulate!(own, changed);
      expect(other).toHaveLength(32);
      expect(text(other)).not.toBe(channel.ss);
    });
  }

  if (has(engine, channel.kind) && channel.kind !== 'RSA' && channel.kind !== HYBRID) {
    it.each([
      ['client', channel.clientKey, channel.serverKey],
      ['server', channel.serverKey, channel.clientKey],
    ] as const)('gives the %s this shared secret', async (_, own, other) => {
      const privateKey = await engine.importPrivateKey(own);
      const publicKey = await engine.importPublicKey(publicHalf(other));
      expect(text(await engine.agree(privateKey, publicKey))).toBe(channel.ikm);
    });
  }

  describe.each([
    ['requests', channel.requests, channel.requestKey, parseRequestHeader],
    ['responses', channel.responses, channel.responseKey, parseResponseHeader],
  ] as const)('in its %s', (_, messages, key, parseHeader) => {
    it.each(messages.map((message) => [message.name, message] as const))('"%s" opens', async (_, message) => {
      const parts = splitJwe(message.jwe)!;
      expect(parts.encryptedKey).toBe('');
      expect(parts.iv).toBe(message.iv);
      expect(parseHeader(headerText(message.jwe))).toEqual(message.header);
      const plaintext = (await open(await contentKey(key), message.jwe))!;
      expect(text(plaintext)).toBe(message.plaintext);
      const length = (message.header.meta as number | undefined) ?? 0;
      expect(fromUtf8(plaintext.subarray(length))).toBe(message.body ?? '');
      if (length === 0) return;
      const from = parseHeader === parseRequestHeader ? 'client' : 'server';
      const json = fromUtf8(plaintext.subarray(0, length));
      const read = (from === 'client' ? parseRequestMeta : parseResponseMeta)(json)!;
      expect({ ...read, headers: Object.fromEntries(read.headers ?? []) }).toMatchObject(message.meta!);
      expect(renderMeta(read, from)).toBe(json);
    });

    it.each(messages.map((message) => [message.name, message] as const))(
      '"%s" comes out byte for byte when it is sealed again',
      async (_, message) => {
        const { protected: header, encryptedKey } = splitJwe(message.jwe)!;
        const sealed = await engine.seal(
          await contentKey(key),
          bytes(message.iv),
          utf8(header),
          bytes(message.plaintext),
        );
        const ciphertext = engine.encodeBase64url(sealed.ciphertext);
        const tag = engine.encodeBase64url(sealed.tag);
        expect(joinJwe({ protected: header, encryptedKey, iv: message.iv, ciphertext, tag })).toBe(message.jwe);
      },
    );

    it('nothing opens under the key of the other direction', async () => {
      const otherKey = await contentKey(key === channel.requestKey ? channel.responseKey : channel.requestKey);
      for (const { jwe } of messages) expect(await open(otherKey, jwe)).toBeUndefined();
    });
  });

  it('has a padded request that says the same as the one without padding', () => {
    const named = (name: string) => channel.requests.find((request) => request.name === name)!.body!;
    expect(named('padded body').length).toBeGreaterThan(named('body').length);
    expect(parseJsonObject(named('padded body'))).toEqual(parseJsonObject(named('body')));
  });

  const alg = signatureAlgorithm(channel.identityKey);
  if (engine.signatures.includes(alg)) {
    it(`has a proof by ${alg} that verifies, and not over another transcript`, async () => {
      const { identityKey } = channel;
      const [header, payload, signature, ...rest] = channel.handshake.proof.split('.');
      expect(rest).toEqual([]);
      const kid = await thumbprint(parseSigningKey(identityKey));
      expect(JSON.parse(fromUtf8(bytes(header)))).toEqual({ alg, typ: 'e2e-handshake+jws', kid });
      expect(payload).toBe(text(utf8(channel.transcriptHash)));
      expect(await engine.verify(identityKey, utf8(`${header}.${payload}`), bytes(signature))).toBe(true);

      const otherPayload = text(utf8(text(await engine.sha256(bytes(channel.transcriptHash)))!));
      expect(await engine.verify(identityKey, utf8(`${header}.${otherPayload}`), bytes(signature))).toBe(false);
    });
  }

  describe.each(channel.streams.map((stream) => [stream.name, stream] as const))('in the stream "%s"', (_, stream) => {
    const base = stream.direction === 'request' ? channel.requestFrames : channel.responseFrames;
    const parseHeader = stream.direction === 'request' ? parseRequestHeader : parseResponseHeader;
    const key = async () => engine.hkdf(bytes(base), await engine.sha256(utf8(stream.jwe)), FRAMES_INFO);

    it('the head is read, and gives the key of the frames', async () => {
      expect(parseHeader(headerText(stream.jwe))).toEqual(stream.header);
      expect(text(await key())).toBe(stream.frameKey);
    });

    it('the frames come out byte for byte when they are sealed again', async () => {
      const sealer = new FrameSealer({ engine, key: await engine.importContentKey(await key()) });
      const sealed: string[] = [];
      for (const { kind, body } of stream.frames) sealed.push(text(await sealer.seal(kind, utf8(body)))!);
      expect(sealed).toEqual(stream.frames.map((frame) => frame.bytes));
    });

    it('the frames open, however they are cut into chunks', async () => {
      const wire = bytes(stream.wire);
      const frames = wire.subarray(stream.jwe.length + 1);
      expect(fromUtf8(wire.subarray(0, stream.jwe.length + 1))).toBe(`${stream.jwe}\n`);
      const { length } = stream.header as { length?: number };
      const hasFailed = stream.frames.at(-1)!.kind === 2;
      for (let size = 1; size <= frames.length; size++) {
        const opener = new FrameOpener({ engine, key: await engine.importContentKey(await key()) }, length);
        let body = '';
        const read = async () => {
          for (let at = 0; at < frames.length; at += size) {
            for await (const part of opener.push(frames.subarray(at, at + size))) body += fromUtf8(part);
          }
          opener.end();
        };
        const outcome = await read().then(
          () => 'whole',
          (error: unknown) => (error as { code: string }).code,
        );
        expect([size, outcome, body]).toEqual([
          size,
          hasFailed ? 'stream-failed' : 'whole',
          stream.frames.map((frame) => frame.body).join(''),
        ]);
      }
    });
  });

  describe.each(['client', 'server'] as const)('on the socket, from the %s', (from) => {
    const { head, frameKey, messages } = channel.socket[from];
    const isClient = from === 'client';
    const streamKey = async () => {
      const base = bytes(isClient ? channel.requestFrames : channel.responseFrames);
      const key = await engine.hkdf(base, await engine.sha256(utf8(head.jwe)), FRAMES_INFO);
      expect(text(key)).toBe(frameKey);
      return { engine, key: await engine.importContentKey(key) };
    };

    it('the head is read, with its meta object, and gives the key of the messages', async () => {
      expect((isClient ? parseRequestHeader : parseResponseHeader)(headerText(head.jwe))).toEqual(head.header);
      const meta = head.meta as { protocols?: string[]; protocol?: string };
      expect(renderMeta(meta, from)).toBe(fromUtf8(bytes(head.plaintext)));
      expect((isClient ? parseRequestMeta : parseResponseMeta)(JSON.stringify(meta))).toMatchObject(meta);
      await streamKey();
    });

    it('the messages come out byte for byte when they are sealed again', async () => {
      const sealer = new SocketSealer(await streamKey());
      const sealed: string[] = [];
      for (const { kind, body } of messages) {
        const plaintext = bytes(body);
        const isData = kind === SOCKET_KIND.binary || kind === SOCKET_KIND.text;
        sealed.push(text(await (isData ? sealer.seal(kind, plaintext) : sealer.end(endOf(plaintext))))!);
      }
      expect(sealed).toEqual(messages.map((message) => message.bytes));
    });

    it('the messages open', async () => {
      const opener = new SocketOpener(await streamKey(), Infinity);
      const opened: unknown[] = [];
      for (const message of messages) {
        const { kind, ...what } = await opener.open(bytes(message.bytes));
        opened.push([kind, text('data' in what ? what.data : encodeSocketEnd(what))]);
      }
      expect(opened).toEqual(messages.map(({ kind, body }) => [kind, body]));
    });
  });

  /** An end as it is said, from its plaintext. */
  function endOf(plaintext: Bytes): { code?: number; reason: string } {
    if (plaintext.length === 0) return { reason: '' };
    return { code: (plaintext[0]! << 8) | plaintext[1]!, reason: fromUtf8(plaintext.subarray(2)) };
  }

  function contentKey(key: string): ContentKey | Promise<ContentKey> {
    return engine.importContentKey(bytes(key));
  }

  function headerText(jwe: string): string {
    return fromUtf8(bytes(splitJwe(jwe)!.protected));
  }

  async function open(key: ContentKey, jwe: string): Promise<Bytes | undefined> {
    const parts = splitJwe(jwe)!;
    return engine.open(key, bytes(parts.iv), utf8(parts.protected), bytes(parts.ciphertext), bytes(parts.tag));
  }

  async function openPlain(receiver: PrivateJwk, jwe: string): Promise<Bytes | undefined> {
    const key = await engine.rsaDecrypt(await engine.importPrivateKey(receiver), bytes(splitJwe(jwe)!.encryptedKey));
    return key && open(await engine.importContentKey(key), jwe);
  }
}
