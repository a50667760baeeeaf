import { createE2eClient, type E2eClient } from '../client/client.js';
import type { E2eClientOptions } from '../client/options.js';
import { SEALING_EXTENSION, type DocumentSealing, type OperationSealing } from './extension.js';
import { showInside } from './inside.js';
import { sealedParts, type ShownDocument } from './parts.js';
import type { SwaggerUi, TryOut, WireRequest } from './swagger-ui.js';

/**
 * Swagger UI's plug-in: what "Try it out" sends to a sealed operation goes through the client, and what comes back is shown
 * opened. Whatever goes wrong on the way is shown as the call's error, and nothing is sent in its place.
 */
function sealedSwaggerUi(ui: SwaggerUi): object {
  const clients = new Map<string, E2eClient>();
  const extensionAt = (...place: string[]) =>
    ui.specSelectors
      .specJson()
      .getIn([...place, SEALING_EXTENSION])
      ?.toJS();
  const shown: ShownDocument = {
    path: () => (extensionAt() as DocumentSealing | undefined)?.path ?? 'e2e',
    sealingAt: (pathName, method) => extensionAt('paths', pathName, method) as OperationSealing | undefined,
  };

  /** One for each server that the document names: its channel serves all calls to it. */
  function clientFor(base: string): E2eClient {
    const options: E2eClientOptions = { baseUrl: base, path: shown.path(), ...ui.getConfigs().e2e };
    const client = clients.get(base) ?? createE2eClient(options);
    clients.set(base, client);
    return client;
  }

  function send(tryOut: TryOut, sealing: OperationSealing, url: string, request: WireRequest): Promise<Response> {
    const { method, headers, body, credentials, signal } = request;
    return clientFor(serverOf(url, tryOut.pathName)).fetch(url, {
      method,
      headers,
      body,
      signal,
      // What is no choice of the document's is the client's.
      ...(credentials === 'include' && { credentials }),
      e2e: { request: sealing.request, response: sealing.response },
    });
  }

  return {
    statePlugins: {
      spec: {
        wrapActions: {
          updateJsonSpec: (original: (document: object) => unknown) => (document: object) =>
            original(showInside(document)),
          executeRequest: (original: (tryOut: TryOut) => unknown) => (tryOut: TryOut) => {
            const sealing = shown.sealingAt(tryOut.pathName, tryOut.method);
            if (!sealing) return original(tryOut);
            const http = (request: WireRequest) =>
              tryOut.fetch({
                ...request,
                // After whatever the page's own interceptor has made of it, so that none can take it away.
                requestInterceptor: async (given) => ({
                  ...((await request.requestInterceptor?.(given)) ?? given),
                  userFetch: (url, last) => send(tryOut, sealing, url, last),
                }),
              });
            return original({ ...tryOut, fetch: http });
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

Object.assign(globalThis, { sealedSwaggerUi });
