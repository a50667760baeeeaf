const HANDSHAKE = '/e2e/handshake';

/**
 * A `fetch` that shows what passes through it. Given to the client as its `fetch` option, it stands where a proxy or
 * the devtools stand: it gets what the client has sealed already, and what the server sealed.
 */
export function tapFetch({ sent, received }) {
  const exchanges = [];

  async function tappedFetch(input, init) {
    const request = new Request(input, init);
    const { pathname, search } = new URL(request.url);
    const exchange = {
      method: request.method,
      target: pathname + search,
      isHandshake: pathname === HANDSHAKE,
      type: request.headers.get('content-type'),
      message: request.headers.get('e2e-request'),
      body: await request.clone().text(),
    };
    exchanges.push(exchange);
    sent(exchange);
    const response = await fetch(request);
    exchange.response = {
      status: response.status,
      type: response.headers.get('content-type'),
      body: await response.clone().text(),
    };
    received(exchange);
    return response;
  }

  /** The exchanges since the last time. */
  const takeExchanges = () => exchanges.splice(0);
  return { fetch: tappedFetch, takeExchanges };
}

/** The five parts of a compact JWE, or `undefined` for any other text. */
export function jweParts(text) {
  const parts = text.split('.');
  return parts.length === 5 && text.startsWith('eyJ') ? parts : undefined;
}

/** What a message's protected header says: it is authenticated, not hidden. */
export function readJweHeader(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
