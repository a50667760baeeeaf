import type { AxiosAdapter, AxiosInstance, AxiosPromise, InternalAxiosRequestConfig } from 'axios';
import type { E2eProgress, E2eRequestInit } from '../client/call/draft.js';
import type { E2eClient } from '../client/client.js';

/** The members of an adapter's error that we rely on, from any copy of axios. */
interface Rejection {
  config?: unknown;
  response?: { config: unknown };
}

/**
 * Sends all requests of an axios instance through the client. Interceptors, `transformRequest`, `validateStatus` and
 * errors work as usual, on plain data. `onUploadProgress` and `onDownloadProgress` count plain bytes. An error of the
 * client (another origin, a response in the clear) is an `AxiosError` whose `cause` is the `E2eClientError`. Pass the
 * client's own options in `fetchOptions`: `{ fetchOptions: { e2e: { request: false } } }`.
 *
 * It needs axios 1.12 or later, whose fetch adapter accepts a `fetch`. With an earlier version every request fails, and
 * nothing is sent. A request with its own `adapter` is not sealed.
 *
 * @example
 * const http = sealAxios(axios.create({ baseURL: 'https://api.example.com' }), client);
 *
 * @returns the same instance.
 */
export function sealAxios<Instance extends AxiosInstance>(
  instance: Instance,
  client: Pick<E2eClient, 'fetch'>,
): Instance {
  // axios's own fetch adapter, in an instance without interceptors: so timeouts, signals, response types and errors are
  // those of the caller's own copy of axios, none of which is imported here.
  const inner = instance.create();
  // The defaults of the caller's instance come with each request; an interceptor may have taken some away.
  for (const name of Object.keys(inner.defaults)) delete (inner.defaults as Record<string, unknown>)[name];
  inner.defaults.headers = { common: {}, get: {}, post: {}, put: {}, patch: {}, delete: {}, head: {} } as never;
  const env = { fetch: sendBy(client), Request: null, Response: globalThis.Response };
  const raw = { adapter: 'fetch', transformRequest: [], transformResponse: [] };
  const send = (config: object) => inner.request({ ...config, ...raw, env } as never) as AxiosPromise;

  let checked: Promise<void> | undefined;
  const adapter: AxiosAdapter = async (config) => {
    await (checked ??= checkThat(inner, raw));
    try {
      return Object.assign(await send(withProgress(config)), { config });
    } catch (error) {
      throw attribute(error, config);
    }
  };
  instance.defaults.adapter = adapter;
  return instance;
}

/** Progress comes from the client, which sees plain bytes in both directions. axios sees uploads only in browsers. */
function withProgress(config: InternalAxiosRequestConfig): object {
  const { onUploadProgress, onDownloadProgress, fetchOptions } = config;
  if (!onUploadProgress && !onDownloadProgress) return { ...config };
  const start = Date.now();
  const before = { upload: 0, download: 0 };
  const onProgress = ({ direction, loaded, total }: E2eProgress): void => {
    const bytes = loaded - before[direction];
    before[direction] = loaded;
    const rate = (loaded / Math.max(1, Date.now() - start)) * 1000;
    const [progress, estimated] = total ? [loaded / total, (total - loaded) / rate] : [];
    const facts = { loaded, total, progress, bytes, rate, estimated, lengthComputable: total !== undefined };
    const tell = direction === 'upload' ? onUploadProgress : onDownloadProgress;
    tell?.({ ...facts, [direction]: true });
  };
  const { e2e, ...rest } = (fetchOptions ?? {}) as { e2e?: E2eRequestInit['e2e'] };
  return {
    ...config,
    onUploadProgress: undefined,
    onDownloadProgress: undefined,
    fetchOptions: { ...rest, e2e: { ...e2e, onProgress } },
  };
}

/** `Request: null` above makes axios pass URL and options, so that `credentials` and others are the client's own. */
function sendBy(client: Pick<E2eClient, 'fetch'>): typeof globalThis.fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    // Outside browsers axios gives a form another type, or one without a boundary: the client gives it its own.
    if (typeof FormData === 'function' && init?.body instanceof FormData) headers.delete('content-type');
    return client.fetch(input, { ...init, headers });
  };
}

/**
 * Checks that this axios passes requests to `env.fetch`. An earlier version would pass them to the global `fetch`, in the
 * clear. The check uses a URL that no `fetch` can send anything to.
 */
async function checkThat(inner: AxiosInstance, raw: object): Promise<void> {
  const asked: string[] = [];
  const env = {
    fetch: (url: string) => {
      asked.push(url);
      return Promise.resolve(new Response());
    },
    Request: null,
    Response: globalThis.Response,
  };
  const question = { ...raw, env, url: 'e2e-check:', baseURL: undefined, method: 'get', timeout: 0 };
  await inner.request(question as never).catch(() => undefined);
  if (asked.length === 0) throw new TypeError('sealAxios needs axios 1.12 or later. Nothing was sent.');
}

/** The error of the caller's request, not of the inner one. */
function attribute(error: unknown, config: InternalAxiosRequestConfig): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const rejection = error as Rejection;
  if (rejection.config !== undefined) rejection.config = config;
  if (rejection.response) rejection.response.config = config;
  return error;
}
