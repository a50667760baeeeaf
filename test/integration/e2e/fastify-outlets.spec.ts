import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import forge from 'node-forge';
import { generateKeyPairSync } from 'node:crypto';
import { request, type RequestOptions } from 'node:https';
import { Readable } from 'node:stream';
import { Encrypted } from '../../../src/index.js';
import { useApp } from './support/apps.js';
import { fetchOverHttp2, seenOverHttp2 } from './support/http2.js';
import { CANARY, postJson } from './support/raw.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list(): object {
    return { text: CANARY };
  }
  @Post()
  create(@Body() note: unknown): object {
    return { note };
  }
}

/** What is used of forge's certificates, which the package itself has no use and no types for. */
interface Certificates {
  readonly pki: {
    privateKeyFromPem(pem: string): { readonly n: unknown; readonly e: unknown };
    setRsaPublicKey(n: unknown, e: unknown): unknown;
    createCertificate(): {
      publicKey: unknown;
      readonly validity: { notAfter: Date };
      sign(key: unknown, digest: unknown): void;
    };
    certificateToPem(certificate: unknown): string;
  };
  readonly md: { readonly sha256: { create(): unknown } };
}

/** For one test run. */
function makeCertificate(): { key: string; cert: string } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ format: 'pem', type: 'pkcs1' }) as string;
  const { pki, md } = forge as unknown as Certificates;
  const signer = pki.privateKeyFromPem(key);
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.setRsaPublicKey(signer.n, signer.e);
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  certificate.sign(signer, md.sha256.create());
  return { key, cert: pki.certificateToPem(certificate) };
}

/** What a hook makes of an answer on its way out. */
const ON_SEND: Readonly<Record<string, (raw: { end(text: string): unknown }) => unknown>> = {
  'another text': () => CANARY,
  bytes: () => Buffer.from(CANARY),
  'a stream': () => Readable.from([CANARY]),
  'an error': () => {
    throw new Error(CANARY);
  },
  'an answer past it': (raw) => {
    raw.end(CANARY);
    return CANARY;
  },
};

/** Fastify as an application of its own uses it, with outlets that Nest does not know of. */
function withOutlets(options: object): FastifyAdapter {
  const adapter = new FastifyAdapter(options);
  const fastify = adapter.getInstance();
  void fastify.register(
    (inner, _, done) => {
      inner.setNotFoundHandler((_request, reply) => reply.code(404).header('location', CANARY).send({ text: CANARY }));
      inner.get('/own', (_request, reply) => reply.header('x-own', 'own').send({ text: CANARY }));
      done();
    },
    { prefix: '/inner' },
  );
  fastify.addHook('onSend', (asked, reply, payload, done) => {
    const make = ON_SEND[decodeURIComponent(String(asked.headers['x-make']))];
    try {
      done(null, make ? make(reply.raw) : payload);
    } catch (error) {
      done(error as Error);
    }
  });
  return adapter;
}

/** All that came back, as it came, wherever TLS hides it from a tap. */
const seen: string[] = [];

const overHttp2: typeof fetch = async (input, init) => {
  const response = await fetchOverHttp2(input, init);
  seen.push(Buffer.from(await response.clone().arrayBuffer()).toString('latin1'));
  return response;
};

const overHttp1: typeof fetch = async (input, init) => {
  const asked = new Request(input, init);
  const body = Buffer.from(await asked.arrayBuffer());
  const headers = Object.fromEntries(new Headers(init?.headers));
  const options: RequestOptions = { method: asked.method, headers, rejectUnauthorized: false, agent: false };
  return new Promise((resolve, reject) => {
    const out = request(asked.url, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      incoming.on('end', () => {
        const whole = Buffer.concat(chunks);
        seen.push(incoming.rawHeaders.join(), String(incoming.statusMessage), whole.toString('latin1'));
        const pairs = incoming.rawHeaders.flatMap((name, index, all): [string, string][] =>
          index % 2 === 0 ? [[name, all[index + 1]!]] : [],
        );
        resolve(new Response(whole, { status: incoming.statusCode!, headers: pairs }));
      });
    });
    out.on('error', reject).end(body);
  });
};

const TLS = makeCertificate();
const STANDS = [
  { name: 'HTTP/1.1', options: {}, fetch: undefined, protocol: 'http:' },
  { name: 'HTTP/2', options: { http2: true }, fetch: overHttp2, protocol: 'http:' },
  { name: 'HTTP/2, with allowHTTP1', options: { http2: true, https: { allowHTTP1: true, ...TLS } }, fetch: overHttp2 },
  { name: 'HTTP/1.1, by allowHTTP1', options: { http2: true, https: { allowHTTP1: true, ...TLS } }, fetch: overHttp1 },
];

describe.each(STANDS)('On Fastify, over $name, a sealed request says nothing in the clear', (stand) => {
  const { options, fetch, protocol = 'https:' } = stand;
  const app = useApp('fastify', { controllers: [NoteController], fastify: () => withOutlets(options) });
  const clientOf = () => app().client({ baseUrl: app().url.replace('http:', protocol), ...(fetch && { fetch }) });
  const forget = (): void => {
    app().tap.clear();
    seenOverHttp2.length = seen.length = 0;
  };
  const whatWasSeen = (): string => app().tap.text + seenOverHttp2.join() + seen.join();

  it('from a handler', async () => {
    forget();
    const client = clientOf();
    expect(await (await client.fetch('/notes')).json()).toEqual({ text: CANARY });
    expect(await (await client.fetch('/notes', postJson(CANARY))).json()).toEqual({ note: CANARY });
    expect((await client.fetch('/nowhere')).status).toBe(404);
    expect(whatWasSeen()).not.toContain(CANARY);
    if (fetch) expect(seen.join()).toContain('..'); // messages were seen
  });

  it.each([
    ['GET', '/inner/own', 200],
    ['GET', '/inner/nowhere', 404],
    ['POST', '/inner/nowhere', 404],
  ])('from a plugin’s own handlers, for what is missing too: %s %s', async (method, path, status) => {
    const client = clientOf();
    await client.handshake();
    forget();
    const response = await client.fetch(path, { ...(method === 'POST' && postJson({})), method });
    expect([response.status, await response.json()]).toEqual([status, { text: CANARY }]);
    expect(whatWasSeen()).not.toContain(CANARY);
  });

  it.each(Object.keys(ON_SEND))('from a hook that makes of an answer %s', async (make) => {
    const client = clientOf();
    await client.handshake();
    forget();
    const headers = { 'x-make': encodeURIComponent(make) };
    const texts = ['/notes', '/nowhere', '/inner/own'].map((path) =>
      client.fetch(path, { headers }).then(
        (response) => response.text(),
        () => '',
      ),
    );
    const [text] = await Promise.all(texts);
    if (!['an error', 'an answer past it'].includes(make)) expect(text).toBe(CANARY);
    expect(whatWasSeen()).not.toContain(CANARY);
    expect((await client.fetch('/notes')).status).toBe(200);
  });
});
