import type { WebSocketClass } from '../../client/options.js';
import type { Findings } from './finding.js';
import { within } from './patience.js';
import { Probe, reasonOf, type DoctorRequest } from './probe.js';

/** A response in pieces that takes longer than this must not arrive all at once. */
const MIN_STREAM_MS = 400;
/** Of a buffered response all pieces arrive within this part of the time. */
const BUFFERED_PART = 0.2;

/** Checks that need a route or a gateway. */
export async function checkMore(
  request: DoctorRequest,
  probe: Probe,
  findings: Findings,
  webSocket: () => WebSocketClass,
): Promise<void> {
  if (request.stream !== undefined) await checkStream(request, probe, request.stream, findings);
  if (request.socket !== undefined) await checkSocket(request, probe, request.socket, findings, webSocket());
}

async function checkStream(
  { timeout }: DoctorRequest,
  { client }: Probe,
  route: string,
  findings: Findings,
): Promise<void> {
  const from = performance.now();
  const times: number[] = [];
  const isOver = await within(timeout, async (late) => {
    try {
      const { body, status } = await client.fetch(route, { signal: late });
      if (status >= 400 || !body) {
        findings.add('stream-refused', route, status);
        return true;
      }
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        if (chunk.length > 0) times.push(performance.now() - from);
      }
    } catch (error) {
      if (!late.aborted) findings.add('stream-broken', route, reasonOf(error as Error));
      return !late.aborted;
    }
    return false;
  });
  if (isOver) return;
  const [first, last = 0] = [times[0], times.at(-1)];
  if (first === undefined) findings.add('stream-held', route, timeout / 1000);
  else if (last > MIN_STREAM_MS && last - first < BUFFERED_PART * last) findings.add('stream-at-once', route, last);
  else findings.add('stream-ok', route, first);
}

async function checkSocket(
  request: DoctorRequest,
  { keyKind }: Probe,
  path: string,
  findings: Findings,
  webSocket: WebSocketClass,
): Promise<void> {
  const { client } = new Probe(request, keyKind, webSocket);
  const socket = client.webSocket(path);
  const ended = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve('timeout'), request.timeout);
    const end = (how: string | undefined): void => {
      clearTimeout(timer);
      resolve(how);
    };
    socket.onopen = () => end(undefined);
    socket.onclose = ({ code, reason }) => end(`${code}${reason && ` ${reason}`}`);
  });
  client.close();
  if (ended === undefined) findings.add('socket-ok', path);
  else findings.add('socket-failed', path, ended);
}
