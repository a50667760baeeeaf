import { describe, expect, it } from '@jest/globals';
import { createE2eClient, type E2eClientOptions } from '../../../src/client/index.js';
import { until } from '../../support/clock.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();
const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };

/** Runs it in a runtime whose globals are other ones; `undefined`: there is none of the name. */
async function withGlobals<T>(globals: Record<string, unknown>, run: () => Promise<T>): Promise<T> {
  const before = Object.keys(globals).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    return await run();
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else delete (globalThis as Record<string, unknown>)[name];
    }
  }
}

/** React Native's: another encoding than UTF-8 is an error. */
class Utf8Decoder extends TextDecoder {
  constructor(label = 'utf-8', options?: TextDecoderOptions) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`Unknown encoding: ${label}`);
    super(label, options);
  }
}

/** React Native's, of the package abort-controller: its signals have no reason, and cannot throw it. */
class ReasonlessController extends AbortController {
  override get signal(): AbortSignal {
    const missing = { value: undefined, configurable: true };
    return Object.defineProperties(super.signal, { reason: missing, throwIfAborted: missing });
  }
}

/** Of whatwg-fetch, as React Native has it: where there is no Blob, text and nothing are not read as bytes. */
class TextRequest extends Request {
  readonly #isBytes: boolean;

  constructor(input: RequestInfo | URL, init: RequestInit = {}) {
    super(input, init);
    this.#isBytes = ArrayBuffer.isView(init.body);
  }
  override arrayBuffer(): Promise<ArrayBuffer> {
    if (!this.#isBytes) throw new Error('could not read as ArrayBuffer');
    return super.arrayBuffer();
  }
}

/** Of whatwg-fetch, too: it has no `body`, and reads bytes as text of a character each. */
class BytesResponse {
  readonly #bytes: Buffer;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;

  constructor(body: string | Uint8Array | null, { status = 200, statusText = '', headers }: ResponseInit = {}) {
    this.#bytes = Buffer.from(body ?? '');
    [this.status, this.statusText, this.headers] = [status, statusText, new Headers(headers)];
  }
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return Uint8Array.from(this.#bytes).buffer;
  }
  async text(): Promise<string> {
    return this.#bytes.toString('latin1');
  }
  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
  clone(): BytesResponse {
    return new BytesResponse(this.#bytes, this);
  }
}

/** What fetch gives where it is not the platform's own. */
function otherFetch(change: (response: Response) => object, platform?: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await (platform ?? fetch)(input, init);
    return new Proxy(response, {
      get: (target, name) => {
        const changed = change(target) as Record<string | symbol, unknown>;
        if (name in changed) return changed[name];
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };
}

/** Headers as node-fetch has them. */
function joinedHeaders({ headers }: Response): object {
  return new Proxy(headers, {
    has: (target, name) => name !== 'getSetCookie' && Reflect.has(target, name),
    get: (target, name) => {
      if (name === 'getSetCookie') return undefined;
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

describe('a client in a runtime without', () => {
  it.each<[string, Record<string, unknown>]>([
    ['ReadableStream', { ReadableStream: undefined }],
    ['FormData', { FormData: undefined }],
    ['Blob and File', { Blob: undefined, File: undefined }],
    ['another encoding than UTF-8', { TextDecoder: Utf8Decoder }],
    ['navigator', { navigator: undefined }],
    ['AbortSignal.timeout', { AbortSignal: () => undefined }],
    ['indexedDB', { indexedDB: undefined }],
    ['structuredClone and queueMicrotask', { structuredClone: undefined, queueMicrotask: undefined }],
  ])('%s calls', async (_, globals) => {
    await withGlobals(globals, async () => {
      const client = setup.client();
      expect(await (await client.fetch('/x', post)).json()).toEqual({ a: 1 });
      expect((await client.fetch('/x?q=1')).status).toBe(200);
    });
  });

  it.each([
    ['fetch', { fetch: undefined }],
    ['Response', { Response: undefined }],
    ['Headers', { Headers: undefined }],
    ['Request', { Request: undefined }],
    ['TextEncoder', { TextEncoder: undefined }],
    ['TextDecoder', { TextDecoder: undefined }],
  ])('%s names it at the first call', async (name, globals) => {
    await withGlobals(globals, async () => {
      const client = setup.client();
      for (const call of [() => client.fetch('/x'), () => client.handshake()]) {
        const error = await errorOf(call());
        expect(error).toMatchObject({ code: 'runtime-unsupported', message: expect.stringContaining(name) });
      }
    });
    expect(setup.server.handshakes).toBe(0);
  });

  it('a URL that can be changed names it at once', async () => {
    class FixedUrl extends URL {
      override set hash(_: string) {
        throw new TypeError('not implemented');
      }
    }
    const make = () => Promise.resolve().then(() => setup.client());
    const error = await withGlobals({ URL: FixedUrl }, () => errorOf(make()));
    expect(error).toMatchObject({ code: 'runtime-unsupported', message: expect.stringContaining('URL') });
  });
});

/** React Native's globals: no WebCrypto, no streams, and a fetch whose responses come whole. */
const reactNative = (): Record<string, unknown> => ({
  ...Object.fromEntries(
    ['ReadableStream', 'WritableStream', 'TransformStream', 'TextDecoderStream', 'CompressionStream', 'FormData'].map(
      (name) => [name, undefined],
    ),
  ),
  ...Object.fromEntries(
    ['Blob', 'File', 'structuredClone', 'queueMicrotask', 'indexedDB', 'BroadcastChannel'].map((name) => [
      name,
      undefined,
    ]),
  ),
  TextDecoder: Utf8Decoder,
  crypto: { getRandomValues: crypto.getRandomValues.bind(crypto) },
  navigator: { product: 'ReactNative' },
  AbortSignal: () => undefined,
  AbortController: ReasonlessController,
  Request: TextRequest,
  Response: BytesResponse,
  fetch: otherFetch(() => ({ body: undefined, type: undefined }), fetch),
});

describe('a client in a runtime like React Native', () => {
  it.each(['P-256', 'X25519', 'MLKEM768-X25519'] as const)('calls by %s', async (keyKind) => {
    await withGlobals(reactNative(), async () => {
      const client = setup.client({ keyKind });
      const text = JSON.stringify({ a: 'grüße €' });
      const response = await client.fetch('/echo', { ...post, body: text });
      expect(await response.clone().clone().text()).toBe(text);
      expect(await response.clone().json()).toEqual({ a: 'grüße €' });
      expect(Buffer.from(await response.arrayBuffer()).toString()).toBe(text);
      expect((await client.fetch('/x?q=1')).status).toBe(200);
      const bytes = new Uint8Array(200_000).fill(7);
      const headers = { 'content-type': 'application/octet-stream' };
      const echoed = await client.fetch('/echo', { method: 'POST', headers, body: bytes });
      expect(Buffer.from(bytes).equals(new Uint8Array(await echoed.arrayBuffer()))).toBe(true);
      expect((await client.handshake()).kind).toBe(keyKind);
    });
  });

  it('ends what is aborted, and what waits when it is closed, although signals have no reason', async () => {
    await withGlobals(reactNative(), async () => {
      const client = setup.client({ keyKind: 'X25519' });
      const waiting = errorOf(client.fetch('/x'));
      await until(() => setup.server.handshakes > 0);
      client.close();
      expect(await waiting).toMatchObject({ code: 'closed' });
      const aborted = new ReasonlessController();
      aborted.abort();
      const early = client.fetch('/x', { signal: aborted.signal });
      await expect(early).rejects.toMatchObject({ name: 'AbortError' });
      const controller = new ReasonlessController();
      const late = setup.client({ keyKind: 'X25519' }).fetch('/x', { signal: controller.signal });
      controller.abort();
      await expect(late).rejects.toMatchObject({ name: 'AbortError' });
    });
  });

  it('names what a device key of the client’s own would need', async () => {
    await withGlobals(reactNative(), async () => {
      const error = await errorOf(setup.client({ keyKind: 'X25519', deviceKey: true }).handshake());
      expect(error.code).toMatch(/^(runtime|engine)-unsupported$/);
    });
  });
});

describe('making a client', () => {
  it('asks for nothing that needs a request: no timer, no controller, no random bytes', async () => {
    const forbidden = (name: string) => () => {
      throw new Error(`${name} in the global scope`);
    };
    const globals = {
      fetch: forbidden('fetch'),
      setTimeout: forbidden('setTimeout'),
      AbortController: forbidden('AbortController'),
      crypto: { subtle: crypto.subtle, getRandomValues: forbidden('getRandomValues') },
    };
    const options: E2eClientOptions[] = [{}, { deviceKey: true }, { identityKeys: ['A'.repeat(43)], padding: true }];
    await withGlobals(globals, async () => {
      for (const each of options) createE2eClient({ baseUrl: 'https://example.com', ...each }).close();
      await Promise.resolve();
    });
  });
});

describe('a fetch of another make', () => {
  it.each<[string, (response: Response) => object]>([
    ['without getSetCookie()', (response) => ({ headers: joinedHeaders(response) })],
    ['whose body is a Node stream', ({ body }) => ({ body: body && { [Symbol.asyncIterator]: () => body.values() } })],
    ['without a body to stream', () => ({ body: undefined })],
    ['whose responses have no type', () => ({ type: undefined })],
  ])('%s will do', async (_, change) => {
    const client = setup.client({ fetch: otherFetch(change) });
    expect(await (await client.fetch('/x', post)).json()).toEqual({ a: 1 });
    expect((await client.fetch('/x')).status).toBe(200);
    expect(setup.server.handshakes).toBe(1);
  });
});
