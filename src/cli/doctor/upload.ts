import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Findings } from './finding.js';
import { pause } from './patience.js';
import type { DoctorRequest } from './probe.js';

const HALF = new Uint8Array(8 * 1024);
/** An application answers the first half of a body in the time of a few round trips, but never in less than this. */
const MIN_WAIT_MS = 2_000;
const ROUND_TRIPS = 8;

/**
 * Whether a body reaches the application as it is sent. A plain body of an unknown type, to a path without a route, is
 * rejected at once, unless something on the way waits for the rest of it.
 */
export async function checkUpload(request: DoctorRequest, path: string, findings: Findings): Promise<void> {
  const { url, timeout } = request;
  const whole = await send(new URL(path, url), timeout, Promise.resolve());
  if (!whole.isAnswered) {
    findings.add('upload-unknown', whole.how);
    return;
  }
  // In whole milliseconds: AbortSignal.timeout() takes no others.
  const wait = Math.min(timeout, Math.max(MIN_WAIT_MS, Math.ceil(ROUND_TRIPS * whole.took)));
  const over = new AbortController();
  const late = pause(wait, over.signal);
  const { isAnswered, isWhole, how } = await send(new URL(path, url), timeout + wait, late);
  over.abort();
  if (!isAnswered) findings.add('upload-unknown', how);
  else findings.add(isWhole ? 'upload-held' : 'upload-ok');
}

interface Answer {
  readonly isAnswered: boolean;
  /** How it ended without a response. */
  readonly how: string;
  /** Milliseconds until the response began. */
  readonly took: number;
  /** Whether the second half had been sent by then. */
  readonly isWhole: boolean;
}

/** @param before the second half of the body waits for it. */
function send(url: URL, timeout: number, before: Promise<void>): Promise<Answer> {
  const from = performance.now();
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': 2 * HALF.length,
    connection: 'close',
  };
  return new Promise((resolve) => {
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const asked = start(url, { method: 'POST', headers, signal: AbortSignal.timeout(timeout) });
    let isWhole = false;
    const end = (how: string, isAnswered = false): void => {
      resolve({ isAnswered, isWhole, how, took: performance.now() - from });
      asked.destroy();
    };
    asked.on('response', () => end('', true));
    asked.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    asked.write(HALF);
    void before.then(() => {
      if (asked.destroyed) return;
      isWhole = true;
      asked.end(HALF);
    });
  });
}
