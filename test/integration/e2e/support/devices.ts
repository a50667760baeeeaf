import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { expect } from '@jest/globals';
import { Channel, Visitor } from '../../../external/conformance/channel.js';
import { b64u, keyPair, type HandshakeResponse, type Jwk, type KeyKind } from '../../../external/conformance/peer.js';
import { Jar } from '../../../external/conformance/wire.js';

export interface TestDevice {
  jwk: Jwk;
  privateKey: KeyObject;
}
export const es256 = (): TestDevice => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { jwk: publicKey.export({ format: 'jwk' }) as Jwk, privateKey };
};
export const ed25519 = (): TestDevice => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { jwk: publicKey.export({ format: 'jwk' }) as Jwk, privateKey };
};

/** `dev` from the protocol's text: a compact JWS over b64u(th). */
export function prove({ jwk, privateKey }: TestDevice, th: Uint8Array, header: object = {}): string {
  const alg = jwk.kty === 'EC' ? 'ES256' : 'Ed25519';
  const input = `${b64u(JSON.stringify({ alg, typ: 'e2e-device+jws', ...header }))}.${b64u(b64u(th))}`;
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${input}.${b64u(sign(alg === 'ES256' ? 'sha256' : null, Buffer.from(input), key))}`;
}

export async function shakeHands(visitor: Visitor, device?: TestDevice, kind: KeyKind = 'X25519'): Promise<Channel> {
  const pair = await keyPair(kind);
  const reply = await visitor.ask({ publicKey: pair.jwk, device: device?.jwk });
  expect(reply.status).toBe(201);
  return new Channel(visitor, pair, JSON.parse(reply.body) as HandshakeResponse);
}

/** Somebody who has the victim's cookie, and nothing else. */
export const thief = (victim: Visitor): Visitor => {
  const jar = new Jar();
  jar.take({ status: 200, headers: { 'set-cookie': String(victim.jar).split('; ') }, rawHeaders: [], body: '' });
  return new Visitor(victim.base, jar);
};
