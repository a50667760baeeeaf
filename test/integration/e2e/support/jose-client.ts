import { compactDecrypt, CompactEncrypt, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose';

/** What a client in another language has: a JOSE library, an HTTP client, a cookie. Nothing of ours. */
export class JoseClient {
  #seq = 0;

  private constructor(
    private readonly base: string,
    private readonly cookie: string,
    private readonly kid: string,
    private readonly own: CryptoKey,
    private readonly servers: Awaited<ReturnType<typeof importJWK>>,
    /** The server's half of the channel secret: this way has no use for it. */
    readonly secret: Uint8Array,
  ) {}

  static async shakeHands(base: string): Promise<JoseClient> {
    const { publicKey, privateKey } = await generateKeyPair('RSA-OAEP-256');
    const answer = await fetch(`${base}/e2e/handshake`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey: await exportJWK(publicKey) }),
    });
    if (answer.status !== 201) throw new Error(`the handshake was answered with ${answer.status}`);
    const { publicKey: jwk, kid, secret } = (await answer.json()) as { publicKey: JWK; kid: string; secret: string };
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const { plaintext } = await compactDecrypt(secret, privateKey);
    return new JoseClient(base, cookie, kid, privateKey, await importJWK(jwk, 'RSA-OAEP-256'), plaintext);
  }

  /** One request, its query sealed; the answer as it is on the wire. */
  async send(method: string, path: string, body?: unknown): Promise<Response> {
    const [target = '', query] = path.split('?');
    const meta = query === undefined ? '' : JSON.stringify({ query });
    const text = body === undefined ? '' : JSON.stringify(body);
    const message = await new CompactEncrypt(new TextEncoder().encode(meta + text))
      .setProtectedHeader({
        alg: 'RSA-OAEP-256',
        enc: 'A256GCM',
        typ: 'e2e-req+jwe',
        kid: this.kid,
        seq: ++this.#seq,
        iat: Math.floor(Date.now() / 1000),
        method,
        target,
        ...(text && { cty: 'application/json' }),
        ...(meta && { meta: meta.length }),
      })
      .encrypt(this.servers);
    const inBody = body !== undefined;
    return fetch(this.base + target, {
      method,
      headers: {
        cookie: this.cookie,
        ...(inBody ? { 'content-type': 'application/jose' } : { 'e2e-request': message }),
      },
      ...(inBody && { body: message }),
    });
  }

  /** One request, and its answer opened. */
  async ask(method: string, path: string, body?: unknown): Promise<{ status: unknown; cty: unknown; text: string }> {
    const answer = await this.send(method, path, body);
    const { plaintext, protectedHeader } = await compactDecrypt(await answer.text(), this.own);
    const { typ, kid, seq, status, cty } = protectedHeader;
    if (typ !== 'e2e-res+jwe' || kid !== this.kid || seq !== this.#seq) {
      throw new Error('not the answer to this request');
    }
    return { status, cty, text: new TextDecoder().decode(plaintext) };
  }
}
