import forge from 'node-forge';
import { generateKeyPairSync } from 'node:crypto';

interface Certificate {
  publicKey: unknown;
  readonly validity: { notBefore: Date; notAfter: Date };
  setSubject(name: object[]): void;
  setIssuer(name: object[]): void;
  setExtensions(extensions: object[]): void;
  sign(key: unknown, digest: unknown): void;
}
/** What is used of node-forge beside what the engine uses. */
interface Pki {
  privateKeyFromPem(pem: string): { readonly n: unknown; readonly e: unknown };
  setRsaPublicKey(n: unknown, e: unknown): unknown;
  createCertificate(): Certificate;
  certificateToPem(certificate: Certificate): string;
}

/** A self-signed certificate for this machine, of now. */
export function makeCertificate(): { key: Buffer; cert: Buffer } {
  const pki = (forge as unknown as { readonly pki: Pki }).pki;
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const key = pki.privateKeyFromPem(privateKey);
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.setRsaPublicKey(key.n, key.e);
  certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  const name = [{ name: 'commonName', value: 'localhost' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
  ]);
  certificate.sign(key, forge.md.sha256.create());
  return { key: Buffer.from(privateKey), cert: Buffer.from(pki.certificateToPem(certificate)) };
}
