import { fromUtf8, parseJsonObject, utf8 } from '../../protocol/json.js';
import { renderMeta } from '../../protocol/meta.js';
import { problemName, type ProblemName } from '../../protocol/problem-name.js';
import { SOCKET_SUBPROTOCOL } from '../../protocol/socket.js';
import type { Claim, OpenedAnswer } from '../channel/channel.js';
import { SocketOpener, SocketSealer } from '../channel/sockets.js';
import type { SealedHead } from '../channel/stream-key.js';
import { failure } from '../errors.js';
import { SocketStream, type RawSocket } from './stream.js';
import type { OwnSocket, SocketParts } from './own-socket.js';

/** How long the server's head may take: where a gateway is not sealed, none comes. */
const HEAD_PATIENCE_MS = 30_000;

/** Why a socket was not let in, as far as that is known. */
interface Refusal {
  readonly problem: ProblemName | undefined;
  /** Whether it came sealed, so that the server said it. */
  readonly isSealed: boolean;
  readonly code: number | undefined;
}

/** An attempt whose heads have passed, or its refusal. */
type Attempt = { readonly opened: OpenedAnswer; readonly head: SealedHead; readonly raw: RawSocket } | Refusal;

/** Opens a socket; once more on a new channel where that is of use (PROTOCOL §8). */
export async function connect(
  socket: OwnSocket,
  url: URL,
  given: string | readonly string[] = [],
  parts: SocketParts,
): Promise<void> {
  parts.wire.check();
  Object.assign(socket, {
    CONNECTING: 0,
    OPEN: 1,
    CLOSING: 2,
    CLOSED: 3,
    protocol: '',
    extensions: '',
    bufferedAmount: 0,
  });
  // The page may have set them by now.
  const early: Partial<OwnSocket> = socket;
  early.binaryType ??= 'blob';
  for (const name of ['onopen', 'onmessage', 'onerror', 'onclose'] as const) socket[name] ??= null;
  const protocols = [given].flat();
  const { settings, channels } = parts;
  const { base, sealQuery } = settings;
  url.protocol = url.protocol.replace('http', 'ws');
  const origin = base.origin.replace('http', 'ws');
  if (url.origin !== origin) {
    throw await failure('request-unsupported', 'origin', { base: base.href, origin: url.origin });
  }
  const query = sealQuery && url.search ? url.search.slice(1) : undefined;
  if (query !== undefined) url.search = '';
  const meta = renderMeta({ query, protocols: protocols.length > 0 ? protocols : undefined }, 'client');
  if (meta === undefined) throw await failure('request-unsupported', 'long');

  let first: Claim | undefined;
  for (;;) {
    const claim = await channels.claim(undefined);
    if (first && settings.deviceKey && claim.channel.terms.session !== first.channel.terms.session) {
      throw await failure('session-changed', 'changed');
    }
    const attempt = await open(url, utf8(meta), claim, first, parts);
    // The page has closed it meanwhile. It sees the events of a connection that failed.
    if ('opened' in attempt && socket.readyState === 0) {
      const { opened, head, raw } = attempt;
      const opener = new SocketOpener(await opened.streamKey());
      new SocketStream(socket, raw, opener, new SocketSealer(head.streamKey), opened.meta.protocol).start();
      return;
    }
    if ('opened' in attempt) attempt.raw.close();
    const { problem, isSealed, code } = 'opened' in attempt ? NO_REFUSAL : attempt;
    const isOver = problem === 'handshake-required' || (problem === 'message-stale' && isSealed);
    if (isOver) channels.drop(claim.channel);
    if (isOver && !first && socket.readyState === 0 && !claim.channel.isExpired) {
      first = claim;
      continue;
    }
    throw await failure(isSealed ? 'refused' : 'plain-answer', 'socketRefused', { path: url.pathname, problem, code });
  }
}

const NO_REFUSAL: Refusal = { problem: undefined, isSealed: false, code: undefined };

/** One connection up to the server's head, or to the end of it. */
async function open(
  url: URL,
  meta: Uint8Array,
  { channel, seq }: Claim,
  first: Claim | undefined,
  { settings, wire }: SocketParts,
): Promise<Attempt> {
  const raw = await makeSocket(url, { settings, wire });
  let head: SealedHead | undefined;
  return new Promise<Attempt>((resolve, reject) => {
    let refusal = NO_REFUSAL;
    const timer = setTimeout(() => raw.close(), HEAD_PATIENCE_MS);
    const sendHead = async (): Promise<void> => {
      // No other protocol is spoken with a server that has not selected this one.
      if (raw.protocol !== SOCKET_SUBPROTOCOL) {
        raw.close();
        return;
      }
      const again = first && (await first.channel.proveAgain(first.seq, { channel, seq }));
      const binding = { method: 'GET', target: url.pathname + url.search, again };
      head = await channel.sealHead(seq, binding, meta, 'socket');
      if (!head) throw await failure('request-unsupported', 'long');
      raw.send(head.head);
    };
    const takeHead = async (data: unknown): Promise<void> => {
      if (typeof data !== 'string' || !head) {
        raw.close();
        return;
      }
      const opened = await channel.open(seq, data, 'socket');
      if (opened) {
        clearTimeout(timer);
        resolve({ opened, head, raw });
        return;
      }
      refusal = { ...refusal, ...(await readRefusal(data, { channel, seq })) };
    };
    const giveUp = (error: Error): void => {
      raw.close();
      reject(error);
    };
    raw.onopen = () => void sendHead().catch(giveUp);
    let taking: Promise<void> | undefined;
    raw.onmessage = ({ data }) => {
      // What follows the head at once is kept for whoever reads it.
      if (!taking) taking = takeHead(data).catch(giveUp);
      else (raw.early ??= []).push(data);
    };
    raw.onclose = ({ code }) => {
      clearTimeout(timer);
      if (!head) channel.release(seq);
      void Promise.resolve(taking).then(() => resolve({ ...refusal, code }));
    };
  });
}

/** A problem in the clear, which anybody may have said, or a sealed answer. */
async function readRefusal(text: string, { channel, seq }: Claim): Promise<Partial<Refusal>> {
  if (text.startsWith('{')) return { problem: problemName(parseJsonObject(text)) };
  const answer = await channel.open(seq, text);
  return answer ? { problem: problemName(parseJsonObject(fromUtf8(answer.plaintext))), isSealed: true } : {};
}

async function makeSocket(url: URL, { settings, wire }: Omit<SocketParts, 'channels'>): Promise<RawSocket> {
  const own = (globalThis as { WebSocket?: unknown }).WebSocket;
  const Class = settings.webSocket ?? own;
  if (typeof Class !== 'function') throw await failure('runtime-unsupported', 'noWebSocket');
  const page = new URL(url);
  page.protocol = url.protocol.replace('ws', 'http');
  const cookie = (await wire.cookies())?.header(page);
  const headers = cookie ? { cookie } : {};
  const protocols = [SOCKET_SUBPROTOCOL];
  // Where no platform keeps cookies: Node's own class takes headers beside the subprotocols, that of `ws` after them.
  const more = cookie && Class === own ? [{ protocols, headers }] : cookie ? [protocols, { headers }] : [protocols];
  const raw = Reflect.construct(Class, [url.href, ...more]) as RawSocket;
  raw.binaryType = 'arraybuffer';
  // Without a listener the class of `ws` would throw; a close follows.
  raw.onerror = () => undefined;
  return raw;
}
