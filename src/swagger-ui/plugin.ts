import { createE2eClient, type E2eClient } from '../client/lazy.js';
import type { E2eClientOptions } from '../client/options.js';
import { fieldsOf, SEALING_EXTENSION, type DocumentSealing, type OperationSealing } from './extension.js';
import { showInside } from './inside.js';
import { sealedParts, type ShownDocument } from './parts.js';
import type { Http, SwaggerUi, TryOut, WireRequest } from './swagger-ui.js';

/** An operation, and what of it is sealed. */
interface Target {
  readonly pathName: string;
  readonly sealing: OperationSealing;
}

/**
 * Swagger UI's plug-in: what "Try it out" and "Authorize" send to a sealed operation goes through the client, and what
 * comes back is shown opened. Whatever goes wrong on the way is shown as the call's error, and nothing is sent in its
 * place.
 */
function sealedSwaggerUi(ui: SwaggerUi): object {
  const { fetch: http } = ui.fn;
  const clients = new Map<string, E2eClient>();
  const valueAt = (...place: string[]) => ui.specSelectors.specJson().getIn(place)?.toJS();
  const shown: ShownDocument = {
    path: () => (valueAt(SEALING_EXTENSION) as DocumentSealing | undefined)?.path ?? 'e2e',
    sealingAt: (pathName, method) =>
      valueAt('paths', pathName, method, SEALING_EXTENSION) as OperationSealing | undefined,
  };

  /** One for each server that a document names: its channel serves all calls to it. */
  function clientFor(baseUrl: string): E2eClient {
    const options: E2eClientOptions = { baseUrl, path: shown.path(), ...ui.getConfigs().e2e };
    const key = JSON.stringify(options);
    const client = clients.get(key) ?? createE2eClient(options);
    clients.set(key, client);
    return client;
  }

  function send({ pathName, sealing }: Target, url: string, request: WireRequest): Promise<Response> {
    const { method, headers, body, credentials, signal } = request;
    const fields = fieldsOf(sealing);
    return clientFor(serverOf(url, pathName)).fetch(url, {
      method,
      headers,
      body,
      signal,
      // What is no choice of the document's is the client's.
      ...(credentials === 'include' && { credentials }),
      e2e: fields ? { fields } : { request: sealing.request, response: sealing.response },
    });
  }

  function sealed(target: Target, request: WireRequest): Promise<unknown> {
    return http({
      ...request,
      // After whatever the page's own interceptor has made of it, so that none can take it away.
      requestInterceptor: async (given) => ({
        ...((await request.requestInterceptor?.(given)) ?? given),
        userFetch: (url, last) => send(target, url, last),
      }),
    });
  }

  /** The sealed operation that such a request is for, where Swagger UI asks by itself: for a token, with a password. */
  function targetOf({ url, method = 'get' }: WireRequest): Target | undefined {
    const { origin, pathname } = new URL(url, location.href);
    const servers = (valueAt('servers') ?? []) as { url: string }[];
    if (![location.href, ...servers.map((each) => each.url)].some((each) => originOf(each) === origin)) {
      return undefined;
    }
    const names = Object.keys(valueAt('paths') ?? {}).filter((name) => pathname.endsWith(name));
    const targets = names.map((pathName) => ({ pathName, sealing: shown.sealingAt(pathName, method.toLowerCase()) }));
    return targets.find((target): target is Target => target.sealing !== undefined);
  }

  return {
    fn: {
      fetch: (request: WireRequest | string) => {
        const target = typeof request === 'string' ? undefined : targetOf(request);
        return target ? sealed(target, request as WireRequest) : http(request);
      },
    },
    statePlugins: {
      spec: {
        wrapActions: {
          updateJsonSpec: (original: (document: object) => unknown) => (document: object) =>
            original(showInside(document)),
          executeRequest: (original: (tryOut: TryOut) => unknown) => (tryOut: TryOut) => {
            const { pathName, method } = tryOut;
            const sealing = shown.sealingAt(pathName, method);
            const send: Http = sealing ? (request) => sealed({ pathName, sealing }, request as WireRequest) : http;
            // It has `withCredentials` on it.
            return original({ ...tryOut, fetch: Object.assign((request: WireRequest) => send(request), tryOut.fetch) });
          },
        },
      },
    },
    wrapComponents: sealedParts(ui, shown),
  };
}

/** The server's URL: what is left of the request's where the operation's own path ends. */
function serverOf(url: string, pathName: string): string {
  const server = new URL(url, location.href);
  const ownSegments = pathName.split('/').length - 1;
  server.pathname = server.pathname.split('/').slice(0, -ownSegments).join('/');
  server.search = '';
  server.hash = '';
  return server.href;
}

function originOf(url: string): string | undefined {
  return URL.canParse(url, location.href) ? new URL(url, location.href).origin : undefined;
}

Object.assign(globalThis, { sealedSwaggerUi });
