import { reasonOf, throwIfAborted } from '../abort.js';
import { fromUtf8, parseJsonObject, utf8 } from '../../protocol/json.js';
import { renderMeta } from '../../protocol/meta.js';
import { problemName } from '../../protocol/problem-name.js';
import { CLOSE_CODE, SOCKET_SUBPROTOCOL } from '../../protocol/socket.js';
import type { ClientParts } from '../call/exchange.js';
import type { Wire } from '../call/wire.js';
import { onOpenChannel, type Outcome } from '../channel/attempts.js';
import type { Claim, OpenedAnswer } from '../channel/channel.js';
import { SocketOpener, SocketSealer } from '../channel/sockets.js';
import type { SealedHead } from '../channel/stream-key.js';
import { failure } from '../errors.js';
import type { Settings } from '../options.js';
import { checkRuntime } from '../runtime.js';
import { socketArguments } from './arguments.js';
import { dispatch } from './dispatch.js';
import type { OwnSocket } from './own-socket.js';
import { prepare } from './prepare.js';
import { SocketStream, type RawSocket } from './stream.js';

/** How long the server's head may take. If a gateway is not sealed, none arrives. */
const HEAD_PATIENCE_MS = 30_000;

/** A connection whose heads were exchanged. */
interface Accepted {
  readonly opened: OpenedAnswer;
  readonly head: SealedHead;
  readonly raw: RawSocket;
}

/** The outcome of one attempt: a connection, or the reason why there is none, if it is known. */
interface Attempt extends Outcome {
  readonly accepted?: Accepted;
  readonly code?: number;
}

/** Completes the socket, and opens it. Errors are reported by its events. */
export async function connect(
  socket: OwnSocket,
  url: URL,
  protocols: string | readonly string[] | undefined,
  load: () => Promise<ClientParts>,
): Promise<void> {
  const signal = prepare(socket);
  const opening = load().then((parts) => open(socket, url, protocols, signal, parts));
  await opening.catch((error: unknown) => {
    socket.readyState = 3;
    dispatch(socket, 'error', { error });
    dispatch(socket, 'close', { code: CLOSE_CODE.abnormal, reason: '', wasClean: false });
  });
}

/** Tries once more on a new channel if that helps (PROTOCOL §8). */
async function open(
  socket: OwnSocket,
  url: URL,
  given: string | readonly string[] = [],
  signal: AbortSignal,
  parts: ClientParts,
): Promise<void> {
  const { settings } = parts;
  checkRuntime(settings.fetch);
  const protocols = [given].flat();
  const { base, sealQuery } = settings;
  if (url.origin !== base.origin.replace('http', 'ws')) {
    throw await failure('request-unsupported', 'origin', { base: base.href, origin: url.origin });
  }
  const query = sealQuery && url.search ? url.search.slice(1) : undefined;
  if (query !== undefined) url.search = '';
  const meta = renderMeta({ query, protocols: protocols.length > 0 ? protocols : undefined }, 'client');
  if (meta === undefined) throw await failure('request-unsupported', 'long');

  const { accepted, problem, sealed, code } = await onOpenChannel<Attempt>(parts, {
    signal,
    send: (claim, first) => attempt({ url, meta: utf8(meta), claim, first, signal }, parts),
    mayRepeat: () => !signal.aborted,
  });
  if (signal.aborted) accepted?.raw.close();
  throwIfAborted(signal);
  if (!accepted) {
    throw await failure(sealed ? 'refused' : 'plain-answer', 'socketRefused', { path: url.pathname, problem, code });
  }
  const { opened, head, raw } = accepted;
  const opener = new SocketOpener(await opened.streamKey(), settings.maxResponseSize);
  const stream = new SocketStream(socket, raw, opener, new SocketSealer(head.streamKey));
  stream.start(opened.meta.protocol);
}

interface Attempted {
  readonly url: URL;
  readonly meta: Uint8Array;
  readonly claim: Claim;
  readonly first: Claim | undefined;
  readonly signal: AbortSignal;
}

/** One connection, until the server's head or the connection's end. */
async function attempt(
  { url, meta, claim, first, signal }: Attempted,
  { settings, wire }: ClientParts,
): Promise<Attempt> {
  const { channel, seq } = claim;
  const raw = await makeSocket(url, settings, wire).catch((error: unknown) => {
    channel.release(seq);
    throw error;
  });
  return new Promise<Attempt>((resolve, reject) => {
    let head: SealedHead | undefined;
    let refusal: Attempt = {};
    let isSettled = false;
    // Not every platform has an event for a socket that is closed while it connects, so none is awaited.
    const settle = (action: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
      if (!head) channel.release(seq);
      action();
    };
    const fail = (error: Error): void => {
      raw.close();
      settle(() => reject(error));
    };
    const leave = () => fail(reasonOf(signal));
    const timer = setTimeout(() => {
      raw.close();
      settle(() => resolve(refusal));
    }, HEAD_PATIENCE_MS);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave);
    const sendHead = async (): Promise<void> => {
      // If the server did not select this protocol, no other one is used.
      if (raw.protocol !== SOCKET_SUBPROTOCOL) {
        raw.close();
        return;
      }
      const again = first && (await first.channel.proveAgain(first.seq, claim));
      const binding = { method: 'GET', target: url.pathname + url.search, again };
      const sealed = await channel.sealHead(seq, binding, meta, 'socket');
      if (!sealed) throw await failure('request-unsupported', 'long');
      if (isSettled) return;
      head = sealed;
      raw.send(head.head);
    };
    const takeHead = async (data: unknown): Promise<void> => {
      if (typeof data !== 'string' || !head) {
        raw.close();
        return;
      }
      const accepted = { head, raw };
      const opened = await channel.open(seq, data, 'socket');
      if (opened) settle(() => resolve({ accepted: { ...accepted, opened } }));
      else refusal = await readRefusal(data, claim);
    };
    raw.onopen = () => void sendHead().catch(fail);
    let taking: Promise<void> | undefined;
    raw.onmessage = ({ data }) => {
      // Messages that follow the head at once are kept for the reader.
      if (!taking) taking = takeHead(data).catch(fail);
      else (raw.early ??= []).push(data);
    };
    raw.onclose = ({ code }) => {
      raw.hasClosed = true;
      void Promise.resolve(taking).then(() => settle(() => resolve({ ...refusal, code })));
    };
  });
}

/** A plain problem, which anyone may have sent, or a sealed response. */
async function readRefusal(text: string, { channel, seq }: Claim): Promise<Attempt> {
  if (text.startsWith('{')) return { problem: problemName(parseJsonObject(text)) };
  const answer = await channel.open(seq, text);
  return answer ? { problem: problemName(parseJsonObject(fromUtf8(answer.plaintext))), sealed: true } : {};
}

async function makeSocket(url: URL, settings: Settings, wire: Wire): Promise<RawSocket> {
  const Class = settings.webSocket ?? (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof Class !== 'function') throw await failure('runtime-unsupported', 'noWebSocket');
  const page = new URL(url);
  page.protocol = url.protocol.replace('ws', 'http');
  const cookie = (await wire.cookies())?.header(page);
  const more = socketArguments(Class, [SOCKET_SUBPROTOCOL], cookie);
  const raw = Reflect.construct(Class, [url.href, ...more]) as RawSocket;
  raw.binaryType = 'arraybuffer';
  // Without a listener the class of `ws` would throw; a close follows.
  raw.onerror = () => undefined;
  return raw;
}
