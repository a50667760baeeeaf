import { createE2eClient, type HandshakeResult } from '../client/lazy.js';
import { E2eClientError } from '../client/errors.js';
import type { E2eRequestInit } from '../client/call/draft.js';
import type { CookieFile } from './cookie-file.js';
import { deadlineIn, lateness } from './deadline.js';
import { Download } from './download.js';
import { readCall, type CallRequest } from './request.js';
import { presentBody, sideBySide } from './show.js';
import { EXIT, harmless, painter, UsageError, type Terminal } from './terminal.js';
import { openCookieFile, recordingFetch, type WireExchange } from './wire.js';

interface Answered {
  readonly channel: HandshakeResult;
  readonly response: Response;
  /** Empty if the body was passed on as it arrived. */
  readonly bytes: Uint8Array;
}

/** `get URL` and others: one sealed call, and the exit code for its response's status. */
export async function call(method: string, args: string[], terminal: Terminal): Promise<number> {
  const request = await readCall(method, args, terminal);
  const cookies = await openCookieFile(request.cookieJar);
  const download = request.output === undefined ? undefined : new Download(request.output);
  const wire: WireExchange[] = [];
  try {
    const { answered, isWhole } = await send(request, cookies, wire, download, terminal);
    if (request.verbose) terminal.err(explain(request, answered, wire, cookies, terminal));
    if (request.json) await terminal.out(`${JSON.stringify({ ...report(request, answered), wire })}\n`);
    else if (isWhole) await terminal.out(presentBody(answered.bytes, typeOf(answered.response), terminal));
    const { status } = answered.response;
    return status < 400 ? EXIT.ok : status < 500 ? EXIT.refused : EXIT.broken;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (error instanceof E2eClientError && error.code === 'invalid-option') throw new UsageError(error.message);
    const failure = readFailure(error, request);
    if (request.json) await terminal.out(`${JSON.stringify({ error: failure, wire })}\n`);
    terminal.err(`${painter(terminal, 'err')('red', failure.code)}: ${harmless(failure.message)}\n`);
    return EXIT.failed;
  } finally {
    download?.discard();
  }
}

async function send(
  request: CallRequest,
  cookies: CookieFile | undefined,
  wire: WireExchange[],
  download: Download | undefined,
  terminal: Terminal,
): Promise<{ answered: Answered; isWhole: boolean }> {
  const { url, method, headers, body, path, keyKind, identityKeys, sealing } = request;
  const client = createE2eClient({
    baseUrl: url.origin,
    path,
    keyKind,
    ...(identityKeys.length > 0 && { identityKeys }),
    cookies: !cookies,
    fetch: recordingFetch(wire, cookies, request.verbose || request.json),
  });
  const { signal, clear } = deadlineIn(request.timeout);
  try {
    const channel = await client.handshake({ signal });
    const redirect = request.follow ? 'follow' : 'manual';
    const duplex = typeof body === 'object' && { duplex: 'half' };
    const init = { method, headers, signal, redirect, body: body ?? null, ...duplex, e2e: sealing };
    const response = await client.fetch(url, init as E2eRequestInit);
    cookies?.save();
    // What is wrong is read, and not saved.
    const saves = download && response.status < 400;
    if (!saves && !request.unbuffered) {
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { answered: { channel, response, bytes }, isWhole: true };
    }
    // A download, or events, may take as long as they take.
    clear();
    if (saves) await download.save(response, terminal);
    else await printAsItComes(response, terminal);
    return { answered: { channel, response, bytes: new Uint8Array(0) }, isWhole: false };
  } finally {
    clear();
    client.close();
  }
}

/** Bytes as they are; on a terminal as text that cannot steer it. */
async function printAsItComes({ body }: Response, { out, isTerminal }: Terminal): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    await out(isTerminal.out ? harmless(decoder.decode(chunk, { stream: true })) : chunk);
  }
}

/** The body as it is shown; what is read as it is sent was not kept. */
function shownBody({ body = '' }: CallRequest): string {
  return typeof body === 'string' ? body : '(a body that is read as it is sent)';
}

function explain(
  request: CallRequest,
  { channel, response, bytes }: Answered,
  wire: readonly WireExchange[],
  cookies: CookieFile | undefined,
  terminal: Terminal,
): string {
  const { method, url, headers, cookieJar } = request;
  const paint = painter(terminal, 'err');
  const last = wire.at(-1)!;
  const meant = {
    request: { start: `${method} ${url.pathname}${url.search}`, headers, body: shownBody(request) },
    response: { start: String(response.status), headers: response.headers, body: new TextDecoder().decode(bytes) },
  };
  const kept = `${paint('dim', `Cookies are kept in ${cookieJar}. They name the session; channel keys are not kept, and are made anew for each run.`)}\n`;
  return [
    `Channel ${paint('cyan', channel.kid)}, ${channel.kind}, until ${channel.expiresAt.toISOString()}\n`,
    cookies ? kept : '',
    sideBySide(last, meant, terminal),
    '\n',
  ].join('');
}

/** The call for scripts, with its body as JSON if it is JSON. */
function report(request: CallRequest, { channel, response, bytes }: Answered): object {
  const { method, url, headers, body } = request;
  const text = new TextDecoder().decode(bytes);
  return {
    channel,
    request: {
      method,
      url: url.href,
      headers: Object.fromEntries(headers),
      body: body === undefined ? null : shownBody(request),
    },
    response: {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: /^application\/([\w.+-]+\+)?json/.test(typeOf(response)) ? parsed(text) : text,
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function typeOf(response: Response): string {
  return response.headers.get('content-type') ?? '';
}

function readFailure(
  error: unknown,
  { url, timeout }: CallRequest,
): Record<string, unknown> & { code: string; message: string } {
  if (error instanceof E2eClientError) {
    const { code, message, problem, status, retryAfter } = error;
    return { code, message, problem, status, retryAfter };
  }
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') return { code: 'timeout', message: lateness(timeout) };
  const why = [cause?.code, cause?.message].filter(Boolean).join(', ');
  return { code: 'no-connection', message: `${url.origin} cannot be reached: ${why || message}` };
}
