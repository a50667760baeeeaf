import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { compactDecrypt, CompactEncrypt } from 'jose';
import forge from 'node-forge';
import { from, map, switchMap } from 'rxjs';

// What people write instead: one fixed RSA key for the server and one for the client, a message key for each body, in
// an interceptor. No channel, no window against replay, nothing that binds a message to its request.

const JOSE = { alg: 'RSA-OAEP-256', enc: 'A256GCM' };
const FORGE_OAEP = { md: forge.md.sha256.create(), mgf1: { md: forge.md.sha256.create() } };

/** nestia's: AES-256-CBC under one key that every client has, and one IV for everything. */
export const nestiaPassword = { key: 'k'.repeat(32), iv: 'i'.repeat(16) };

/** Both ends' keys in PEM. */
export function rivalKeys() {
  const pem = () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return {
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
  };
  return { server: pem(), client: pem() };
}

/** `jose`, one message after the other: `{"data": "<compact JWE>"}` both ways. */
export function joseInterceptor({ server, client }) {
  const [privateKey, publicKey] = [createPrivateKey(server.privateKey), createPublicKey(client.publicKey)];
  return {
    async intercept(context, next) {
      const request = context.switchToHttp().getRequest();
      const { plaintext } = await compactDecrypt(request.body.data, privateKey);
      request.body = JSON.parse(new TextDecoder().decode(plaintext));
      return next.handle().pipe(
        switchMap((value) => {
          const bytes = new TextEncoder().encode(JSON.stringify(value));
          return from(new CompactEncrypt(bytes).setProtectedHeader(JOSE).encrypt(publicKey));
        }),
        map((data) => ({ data })),
      );
    },
  };
}

/** `node-forge` alone: an AES-256-GCM key under RSA-OAEP, four members in base64. */
export function forgeInterceptor({ server, client }) {
  const privateKey = forge.pki.privateKeyFromPem(server.privateKey);
  const publicKey = forge.pki.publicKeyFromPem(client.publicKey);
  const decode = (text) => forge.util.decode64(text);
  return {
    intercept(context, next) {
      const request = context.switchToHttp().getRequest();
      const { key, iv, data, tag } = request.body;
      const contentKey = privateKey.decrypt(decode(key), 'RSA-OAEP', FORGE_OAEP);
      const decipher = forge.cipher.createDecipher('AES-GCM', contentKey);
      decipher.start({ iv: decode(iv), tag: forge.util.createBuffer(decode(tag)) });
      decipher.update(forge.util.createBuffer(decode(data)));
      if (!decipher.finish()) throw new Error('the tag is wrong');
      request.body = JSON.parse(forge.util.decodeUtf8(decipher.output.getBytes()));
      return next.handle().pipe(map((value) => sealByForge(publicKey, JSON.stringify(value))));
    },
  };
}

function sealByForge(publicKey, text) {
  const [key, iv] = [forge.random.getBytesSync(32), forge.random.getBytesSync(12)];
  const cipher = forge.cipher.createCipher('AES-GCM', key);
  cipher.start({ iv });
  cipher.update(forge.util.createBuffer(forge.util.encodeUtf8(text)));
  cipher.finish();
  const encode = (bytes) => forge.util.encode64(bytes);
  return {
    key: encode(publicKey.encrypt(key, 'RSA-OAEP', FORGE_OAEP)),
    iv: encode(iv),
    data: encode(cipher.output.getBytes()),
    tag: encode(cipher.mode.tag.getBytes()),
  };
}

/** The client's ends of both, on node:crypto, so that the load costs little. */
export function rivalPeers({ server, client }) {
  const serverKey = oaep(createPublicKey(server.publicKey));
  const clientKey = oaep(createPrivateKey(client.privateKey));
  const open = (key, iv, aad, data, tag) => {
    const decipher = createDecipheriv('aes-256-gcm', privateDecrypt(clientKey, key), iv).setAuthTag(tag);
    if (aad) decipher.setAAD(aad);
    return Buffer.concat([decipher.update(data), decipher.final()]).toString();
  };
  const seal = (plaintext, aad) => {
    const [key, iv] = [randomBytes(32), randomBytes(12)];
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    if (aad) cipher.setAAD(aad);
    const data = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return { key: publicEncrypt(serverKey, key), iv, data, tag: cipher.getAuthTag() };
  };
  const header = Buffer.from(JSON.stringify(JOSE)).toString('base64url');
  return {
    jose: {
      seal(plaintext) {
        const { key, iv, data, tag } = seal(plaintext, Buffer.from(header));
        return JSON.stringify({
          data: [header, ...[key, iv, data, tag].map((part) => part.toString('base64url'))].join('.'),
        });
      },
      open(answer) {
        const [head, ...parts] = JSON.parse(answer).data.split('.');
        const [key, iv, data, tag] = parts.map((part) => Buffer.from(part, 'base64url'));
        return open(key, iv, Buffer.from(head), data, tag);
      },
    },
    nestia: {
      mediaType: 'text/plain',
      seal(plaintext) {
        const cipher = createCipheriv('aes-256-cbc', nestiaPassword.key, nestiaPassword.iv);
        return Buffer.concat([cipher.update(plaintext), cipher.final()]).toString('base64');
      },
      open(answer) {
        const decipher = createDecipheriv('aes-256-cbc', nestiaPassword.key, nestiaPassword.iv);
        return decipher.update(answer, 'base64', 'utf8') + decipher.final('utf8');
      },
    },
    forge: {
      seal: (plaintext) =>
        JSON.stringify(
          Object.fromEntries(Object.entries(seal(plaintext)).map(([name, part]) => [name, part.toString('base64')])),
        ),
      open(answer) {
        const { key, iv, data, tag } = JSON.parse(answer);
        const [k, i, d, t] = [key, iv, data, tag].map((part) => Buffer.from(part, 'base64'));
        return open(k, i, undefined, d, t);
      },
    },
  };
}

const oaep = (key) => ({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' });
