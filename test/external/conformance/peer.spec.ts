import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  type HandshakeResponse,
  type Jwk,
  type Members,
  HYBRID,
  KINDS,
  b64u,
  channelKeys,
  directWay,
  hybridPairOf,
  openCompact,
  plainWay,
  privateKeyOf,
  publicKeyOf,
  rsaDecrypt,
  sealText,
  sharedSecret,
  thumbprint,
  transcriptHash,
  unb64u,
  verifyProof,
} from './peer.js';

interface Message {
  name: string;
  header: Members;
  plaintext: string;
  iv: string;
  jwe: string;
}
interface Row {
  kind: string;
  clientKey: Jwk;
  serverKey: Jwk;
  jkt: string;
  handshake: HandshakeResponse;
  identityKey: Jwk;
  transcriptHash: string;
  ss?: string;
  cs?: string;
  ek?: string;
  ikm: string;
  requestKey: string;
  responseKey: string;
  requestFrames: string;
  responseFrames: string;
  againKey: string;
  requests: Message[];
  responses: Message[];
  stock?: { request: string; response: string; plaintext: string };
}

/** What the client has of both secrets, or of its one. */
function ikmOf({ kind, clientKey, serverKey, handshake: { secret = '', publicKey }, ek = '' }: Row): Buffer {
  if (kind === HYBRID) {
    const { decapsulate, privateKey } = hybridPairOf(clientKey);
    return Buffer.concat([decapsulate(unb64u(secret)), sharedSecret(privateKey, publicKeyOf(publicKey))]);
  }
  const privateKey = privateKeyOf(clientKey);
  if (kind !== 'RSA') return sharedSecret(privateKey, publicKeyOf(publicKey));
  const { plaintext } = openCompact(secret, plainWay(privateKey));
  return Buffer.concat([plaintext, rsaDecrypt(privateKeyOf(serverKey), unb64u(ek))]);
}

const file = new URL('../../../../shared/vectors/protocol-v1.json', import.meta.url);

if (existsSync(file)) {
  const { channels: all } = JSON.parse(readFileSync(file, 'utf8')) as { channels: Row[] };
  const channels = all.filter(({ kind }) => (KINDS as readonly string[]).includes(kind));

  describe.each(channels)('the peer reproduces the vectors of $kind', (row) => {
    const th = unb64u(row.transcriptHash);

    it('thumbprints and transcript hash', () => {
      expect(thumbprint(row.clientKey)).toBe(row.jkt);
      expect(thumbprint(row.serverKey)).toBe(row.handshake.kid);
      expect(b64u(transcriptHash(row.jkt, row.handshake))).toBe(row.transcriptHash);
    });

    it('the proof, and none over another transcript', () => {
      const { proof = '' } = row.handshake;
      expect(verifyProof(proof, th, row.identityKey)).toMatchObject({ typ: 'e2e-handshake+jws' });
      expect(() => verifyProof(proof, Buffer.alloc(32), row.identityKey)).toThrow('another transcript');
    });

    it('IKM and channel keys', () => {
      const ikm = ikmOf(row);
      expect(b64u(ikm)).toBe(row.ikm);
      const keys = channelKeys(ikm, th, row.kind === 'RSA' ? unb64u(row.ss ?? '') : ikm);
      expect(b64u(keys.request)).toBe(row.requestKey);
      expect(b64u(keys.response)).toBe(row.responseKey);
      expect(b64u(keys.requestFrames)).toBe(row.requestFrames);
      expect(b64u(keys.responseFrames)).toBe(row.responseFrames);
      expect(b64u(keys.again)).toBe(row.againKey);
    });

    it.each([
      ...row.requests.map((message) => ({ ...message, key: row.requestKey, way: 'request' })),
      ...row.responses.map((message) => ({ ...message, key: row.responseKey, way: 'response' })),
    ])('the $way "$name", byte for byte, and opened again', ({ header, plaintext, iv, jwe, key }) => {
      expect(sealText(unb64u(key), JSON.stringify(header), unb64u(plaintext), { iv: unb64u(iv) })).toBe(jwe);
      const opened = openCompact(jwe, directWay(unb64u(key)));
      expect(opened.header).toEqual(header);
      expect(b64u(opened.plaintext)).toBe(plaintext);
    });

    if (row.stock) {
      const { request, response, plaintext } = row.stock;
      it('the plain messages of both directions', () => {
        expect(openCompact(request, plainWay(privateKeyOf(row.serverKey))).plaintext.toString()).toBe(plaintext);
        expect(openCompact(response, plainWay(privateKeyOf(row.clientKey))).plaintext.toString()).toBe(plaintext);
      });
    }
  });
} else {
  it('has no vectors beside this clone: the peer is checked against them where they are', () => {
    expect(existsSync(file)).toBe(false);
  });
}
