import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { FrameOpener, FrameSealer, streamKey } from '../../../src/channel/frames.js';
import { thumbprint } from '../../../src/channel/thumbprint.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import type { Bytes } from '../../../src/protocol/crypto.js';
import type { FrameKind } from '../../../src/protocol/frames.js';
import { fromUtf8, utf8 } from '../../../src/protocol/json.js';
import { splitJwe } from '../../../src/protocol/jwe.js';
import { parsePublicKey } from '../../../src/protocol/keys.js';
import { parseRequestHeader, parseResponseHeader } from '../../../src/protocol/message.js';
import { parseRequestMeta, parseResponseMeta } from '../../../src/protocol/meta.js';
import {
  AGAIN_KEY_INFO,
  AGAIN_TAG_BYTES,
  againInput,
  REQUEST_FRAMES_INFO,
  REQUEST_KEY_INFO,
  RESPONSE_FRAMES_INFO,
  RESPONSE_KEY_INFO,
  transcriptInput,
} from '../../../src/protocol/schedule.js';
import { mayTravelInside } from '../../../src/protocol/outer-headers.js';
import { codeBlocks } from '../../support/markdown.js';

// What docs/protocol.md says in numbers and lists is what the code does; and what the sources cite of it is there.

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');

interface Jwk {
  readonly kty: 'OKP';
  readonly crv: 'X25519';
  readonly x: string;
  readonly d: string;
}
interface Message {
  readonly plaintext: string;
  readonly jwe: string;
}
interface Example {
  readonly clientKey: Jwk;
  readonly serverKey: Jwk;
  readonly jkt: string;
  readonly kid: string;
  readonly session: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly th: string;
  readonly IKM: string;
  readonly k_req: string;
  readonly k_res: string;
  readonly f_req: string;
  readonly f_res: string;
  readonly a_req: string;
  readonly request: Message;
  readonly response: Message;
  readonly again: { readonly kid: string; readonly seq: number; readonly tag: string };
  readonly stream: {
    readonly head: string;
    readonly key: string;
    readonly frames: readonly { readonly kind: FrameKind; readonly plaintext: string; readonly bytes: string }[];
  };
}

describe('the worked example in docs/protocol.md', () => {
  const engine = new NodeEngine();
  const example = JSON.parse(codeBlocks(page).find(({ heading }) => heading === 'A worked example')!.code) as Example;
  const bytes = (text: string): Bytes => engine.decodeBase64url(text)!;
  const publicHalf = ({ kty, crv, x }: Jwk) => parsePublicKey({ kty, crv, x });

  it('has these thumbprints, this transcript hash and these keys', () => {
    const { clientKey, serverKey, jkt, kid, session, issuedAt, expiresAt } = example;
    expect(thumbprint(engine, publicHalf(clientKey))).toBe(jkt);
    expect(thumbprint(engine, publicHalf(serverKey))).toBe(kid);
    const th = engine.sha256(transcriptInput({ jkt, kid, issuedAt, expiresAt, session }));
    const ikm = engine.agree(engine.importPrivateKey(clientKey), engine.importPublicKey(publicHalf(serverKey)))!;
    const derived = (info: Bytes) => engine.encodeBase64url(engine.hkdf(ikm, th, info));
    expect({
      th: engine.encodeBase64url(th),
      IKM: engine.encodeBase64url(ikm),
      k_req: derived(REQUEST_KEY_INFO),
      k_res: derived(RESPONSE_KEY_INFO),
      f_req: derived(REQUEST_FRAMES_INFO),
      f_res: derived(RESPONSE_FRAMES_INFO),
      a_req: derived(AGAIN_KEY_INFO),
    }).toEqual({
      th: example.th,
      IKM: example.IKM,
      k_req: example.k_req,
      k_res: example.k_res,
      f_req: example.f_req,
      f_res: example.f_res,
      a_req: example.a_req,
    });
  });

  it.each([
    ['request', parseRequestHeader, parseRequestMeta],
    ['response', parseResponseHeader, parseResponseMeta],
  ] as const)('has a %s that opens, with a meta object', (name, parseHeader, parseMeta) => {
    const { jwe, plaintext } = example[name];
    const parts = splitJwe(jwe)!;
    const header = parseHeader(fromUtf8(bytes(parts.protected)))!;
    const key = engine.importContentKey(bytes(name === 'request' ? example.k_req : example.k_res));
    const [iv, ciphertext, tag] = [bytes(parts.iv), bytes(parts.ciphertext), bytes(parts.tag)];
    const opened = engine.open(key, iv, utf8(parts.protected), ciphertext, tag)!;
    expect(header.kid).toBe(example.kid);
    expect(fromUtf8(opened)).toBe(plaintext);
    expect(parseMeta(fromUtf8(opened.subarray(0, header.meta)))).toBeDefined();
  });

  it('has the tag of a copy', () => {
    const { kid, seq, tag } = example.again;
    const mac = engine.hmac(bytes(example.a_req), againInput(seq, kid, 2));
    expect(engine.encodeBase64url(mac.subarray(0, AGAIN_TAG_BYTES))).toBe(tag);
  });

  it('has a stream whose frames come out byte for byte, and open', () => {
    const { head, key, frames } = example.stream;
    const { frames: kind, length } = parseRequestHeader(fromUtf8(bytes(splitJwe(head)!.protected)))!;
    expect([kind, length]).toEqual(['body', 11]);
    const streamsKey = streamKey(engine, bytes(example.f_req), head);
    const sealer = new FrameSealer(engine, streamsKey);
    expect(frames.map((frame) => sealer.seal(frame.kind, utf8(frame.plaintext)).toString('base64url'))).toEqual(
      frames.map((frame) => frame.bytes),
    );
    const withKey = new FrameSealer(engine, engine.importContentKey(bytes(key)));
    expect(withKey.seal(frames[0]!.kind, utf8(frames[0]!.plaintext)).toString('base64url')).toBe(frames[0]!.bytes);
    const opener = new FrameOpener(engine, streamsKey, length);
    const opened = frames.flatMap((frame) => [...opener.push(bytes(frame.bytes))].map(fromUtf8));
    opener.end();
    expect(opened.join('')).toBe('hello world');
  });
});

describe('docs/protocol.md', () => {
  it('lists only names that never travel inside, and all that the client and server name by themselves do', () => {
    const [, list] = /\*\*Names that never travel inside\*\*([^]*?)The list only/.exec(page)!;
    const names = [...list!.matchAll(/`([\w*-]+)`/g)].map(([, name]) => name!.replace('*', 'x'));
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter(mayTravelInside)).toEqual([]);
    const inside = ['location', 'content-disposition', 'content-language', 'link', 'last-event-id', 'authorization'];
    expect(inside.filter((name) => !mayTravelInside(name))).toEqual([]);
  });

  it('has every section that code and documentation cite', () => {
    const sections = [...page.matchAll(/^## (\d+)\. /gm)].map(([, number]) => number!);
    expect(sections).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
    const files = ['src', 'test', 'scripts', 'sample', 'docs'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.(m?ts|m?js|md)$/.test(path) && !path.includes('node_modules'))
        .map((path) => join(folder, path)),
    );
    const cited = files.flatMap((path) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/PROTOCOL(?:,? §\d+)+/g)].flatMap(([whole]) =>
        [...whole.matchAll(/\d+/g)].map(([number]) => [path, number] as const),
      ),
    );
    expect(cited.length).toBeGreaterThan(30);
    expect(cited.filter(([, number]) => !sections.includes(number))).toEqual([]);
  });
});
