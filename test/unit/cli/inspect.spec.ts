import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { nodeEngine } from '../../../src/crypto/node.js';
import { useCommandLine } from './support/command.js';

const encode = (text: string) => nodeEngine.encodeBase64url(new TextEncoder().encode(text));
const [iv, tag] = [nodeEngine.encodeBase64url(new Uint8Array(12)), nodeEngine.encodeBase64url(new Uint8Array(16))];
const jwe = (header: object, ciphertext = 'AAAA') => `${encode(JSON.stringify(header))}..${iv}.${ciphertext}.${tag}`;

const header = {
  alg: 'dir',
  enc: 'A256GCM',
  typ: 'e2e-req+jwe',
  kid: 'the-channel',
  seq: 7,
  iat: 1795392000,
  method: 'POST',
  target: '/notes',
  cty: 'application/json',
};

describe('inspect', () => {
  const cli = useCommandLine();

  it('shows a message’s header and sizes, given or from standard input', async () => {
    const message = jwe(header);
    const { code, out, err } = await cli.run(['inspect', message]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^A sealed request\n/);
    expect(out).toMatch(/target +"\/notes" +bound to this path/);
    expect(out).toContain("sealed 2026-11-23T00:00:00.000Z, by the server's clock");
    expect(out).toMatch(/ciphertext +3 bytes/);
    expect(await cli.run(['inspect'], `${message}\n`)).toEqual({ code, out, err });
    expect(await cli.run(['inspect', '-'], message)).toEqual({ code, out, err });
  });

  it('gives the same as JSON', async () => {
    const message = jwe({ ...header, typ: 'e2e-res+jwe', status: 201 });
    expect(JSON.parse((await cli.run(['inspect', message, '--json'])).out)).toEqual({
      kind: 'response',
      header: { ...header, typ: 'e2e-res+jwe', status: 201 },
      sizes: { message: message.length, header: expect.any(Number), encryptedKey: 0, iv: 12, ciphertext: 3, tag: 16 },
    });
  });

  const frame = (kind: number, length: number) =>
    String.fromCharCode(kind, 0, 0, length + 16) + 'x'.repeat(length + 16);
  const stream = `${jwe({ ...header, frames: 'body', length: 7 }, '')}\n`;

  it.each([
    ['whole', frame(0, 5) + frame(1, 2), [5, 2], /ends with its last frame/],
    ['cut', frame(0, 5) + frame(1, 2).slice(0, 9), [5], /cut off/],
    ['failed', frame(0, 5) + frame(2, 0), [5, 0], /gave up/],
    ['broken', `${frame(0, 5)}zzzz`, [5], /no frame/],
    ['broken', frame(1, 5) + frame(1, 2), [5], /follows the last/],
  ])('shows a stream that is %s, its head and its frames', async (end, frames, lengths, words) => {
    const file = join(cli.folder, 'stream');
    writeFileSync(file, stream + frames);
    const { code, out } = await cli.run(['inspect', `@${file}`]);
    expect(code).toBe(0);
    expect(out).toMatch(/^A sealed request, a stream\n/);
    expect(out).toMatch(words);
    expect(out).toContain('frame 0  ');
    const json = JSON.parse((await cli.run(['inspect', '--json'], stream + frames)).out) as {
      stream: { end: string; frames: { length: number }[] };
    };
    expect(json.stream.end).toBe(end);
    expect(json.stream.frames.map(({ length }) => length)).toEqual(lengths);
  });

  it('says of another JWE that it is one, and lets no header steer the terminal', async () => {
    const { code, out } = await cli.run(['inspect', jwe({ alg: 'RSA-OAEP', odd: '\u009b2J', '\u001b[2J': 1 })]);
    expect(code).toBe(0);
    expect(out).toMatch(/^A compact JWE, but no message of this protocol/);
    // eslint-disable-next-line no-control-regex -- these are what is looked for
    expect(out).not.toMatch(/[\u001b\u009b]/);
  });

  it.each([
    ['nothing', '', /there is no message/],
    ['a text', 'hello', /it has 1 part, and not five/],
    ['a JWT', 'a.b.c', /it has 3 parts, and not five: a compact JWS/],
    ['six parts', 'a.b.c.d.e.f', /it has 6 parts/],
    ['a short tag', jwe(header).slice(0, -3), /wrong length/],
    ['another alphabet', jwe(header, 'AA+A'), /its ciphertext is not in canonical base64url/],
    ['no JSON', `${encode('hello')}..${iv}.AAAA.${tag}`, /its header is no JSON object/],
    ['a header that is no text', `_____w..${iv}.AAAA.${tag}`, /its header is/],
  ])('refuses %s', async (_what, text, reason) => {
    const { code, out, err } = await cli.run(['inspect'], text);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(reason);
  });

  it('takes one message', async () => {
    expect(await cli.run(['inspect', 'a', 'b'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('one message'),
    });
  });
});
