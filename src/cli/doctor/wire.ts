import type { Findings } from './finding.js';
import { isOfAnother, problemOf, reasonOf, type DoctorRequest, type Outcome, type Probe } from './probe.js';

/** No application has it: the response is a sealed 404. */
const NOWHERE = 'e2e-doctor';
/** Below this, everyday requests fail. */
const SMALL_BODY = 64 * 1024;
/** Just below the default of `maxBodySize`. */
const LARGE_BODY = 900 * 1024;
const LONG_QUERY = 2_000;
const REPEATS = 6;
const BYTES = { 'content-type': 'application/octet-stream' };

/** Sealed calls through whatever is in between, and what it changes. */
export async function checkWire(request: DoctorRequest, probe: Probe, findings: Findings): Promise<boolean> {
  const route = request.route ?? NOWHERE;
  const first = await probe.call(route);
  if (!first.response) {
    explainCall(first, findings);
    return false;
  }
  findings.ok('round-trip', `GET ${route} was answered sealed, with ${first.response.status}.`);
  checkCompression(first, findings);
  // What comes from a cache says nothing of the server.
  if (!(await checkRepeats(probe, route, findings))) return false;
  await checkEncoding(probe, findings);
  await checkHeaderSize(probe, findings);
  await checkBodySize(probe, findings);
  return true;
}

function explainCall(outcome: Outcome, findings: Findings): void {
  const { error, seen } = outcome;
  const problem = problemOf(outcome);
  if (problem === 'message-rejected') {
    const fix =
      'If the proxy removes a prefix, set the option "publicPath" to it; else have it pass on the path as it is. See ' +
      'docs/operations.md.';
    findings.fail('path', 'The server rejects the message: it gets another path or method than the client sent.', fix);
  } else if (problem === 'handshake-required') {
    const isKnown = findings.list.some(({ check, level }) => check === 'cookie' && level === 'warning');
    // The cookie that was said to have the wrong path.
    if (isKnown) return;
    const fix =
      'Have the proxy pass on Cookie and Set-Cookie. With several servers, share sessions and windows (docs/operations.md).';
    findings.fail(
      'session',
      'The server does not find the channel that it just made: the cookie does not come back, or another server got the call.',
      fix,
    );
  } else if (isOfAnother(outcome)) explainAnother(outcome, findings);
  else {
    findings.fail(
      'round-trip',
      `A sealed call failed: ${reasonOf(error)} (status ${seen?.status ?? 'none'})`,
      'See docs/troubleshooting.md for this error.',
    );
  }
}

/** A response that the module did not write. */
function explainAnother({ seen, error }: Outcome, findings: Findings): void {
  const status = seen!.status;
  if ([400, 414, 431, 494].includes(status)) explainHeaders(status, findings);
  else if (status >= 400) {
    const what = `A response with ${status} is not sealed: the proxy puts a page of its own in its place, or does not pass the path on.`;
    findings.fail(
      'error-pages',
      what,
      'Turn off the replacement of error pages for the application (nginx: proxy_intercept_errors off).',
    );
  } else {
    findings.fail(
      'round-trip',
      `The response is not sealed: ${reasonOf(error)}`,
      'Check that the proxy passes the path to the application.',
    );
  }
}

function checkCompression({ seen }: Outcome, findings: Findings): void {
  const encoding = seen?.headers.get('content-encoding');
  if (!encoding) findings.ok('compression', 'Ciphertext is not compressed.');
  else {
    const what = `The proxy compresses sealed responses (${encoding}): it costs time, and saves nothing of ciphertext.`;
    findings.warn(
      'compression',
      what,
      'Do not compress application/jose and application/vnd.e2e.stream (nginx: gzip_types).',
    );
  }
}

/** The same call again: from a cache, or by a server that does not share the channels, its response differs. */
async function checkRepeats(probe: Probe, route: string, findings: Findings): Promise<boolean> {
  for (let index = 0; index < REPEATS; index++) {
    const { error, response, seen } = await probe.call(route);
    const isCached = (seen?.headers.has('age') ?? false) || /\bhit\b/i.test(seen?.headers.get('x-cache') ?? '');
    if ((error as { code?: string } | undefined)?.code === 'answer-rejected' || (response && isCached)) {
      const what =
        'The same call again got the response of the first: a cache in front of the server keeps sealed responses.';
      findings.fail(
        'cache',
        what,
        'Have the cache obey Cache-Control: no-store, or leave out the application (nginx: proxy_cache off).',
      );
      return false;
    }
    if (!response) {
      const fix = 'Share sessions and sequence windows: a session store and redisReplayGuard (docs/operations.md).';
      findings.fail('servers', `Of ${REPEATS} equal calls, one failed: ${reasonOf(error)}`, fix);
      return false;
    }
  }
  findings.ok(
    'servers',
    `${REPEATS} more calls on the channel were answered: no cache, and no server without the channel.`,
  );
  return true;
}

async function checkEncoding(probe: Probe, findings: Findings): Promise<void> {
  const outcome = await probe.call(`${NOWHERE}/a%2Fb%20c%3Ad/%C3%A9`);
  if (outcome.response) findings.ok('path-encoding', 'Paths arrive as they were sent, percent-encoding included.');
  else {
    const what = 'A path with percent-encoding (%2F) does not arrive as it was sent: the proxy decodes it.';
    findings.fail(
      'path-encoding',
      what,
      'Have the proxy pass on the raw path (nginx: proxy_pass without a path, not even a slash).',
    );
  }
}

async function checkHeaderSize(probe: Probe, findings: Findings): Promise<void> {
  const outcome = await probe.call(`${NOWHERE}?q=${'q'.repeat(LONG_QUERY)}`);
  if (outcome.response) {
    findings.ok('headers', `A query of ${LONG_QUERY} characters arrives, in the header E2e-Request.`);
  } else explainHeaders(outcome.seen?.status, findings);
}

function explainHeaders(status: number | undefined, findings: Findings): void {
  const what = `A long header E2e-Request, which carries the sealed query of a GET, is rejected (${status ?? 'no response'}).`;
  findings.fail(
    'headers',
    what,
    'Allow header fields of 16 KiB (nginx: large_client_header_buffers 4 16k; Node: --max-http-header-size).',
  );
}

async function checkBodySize(probe: Probe, findings: Findings): Promise<void> {
  for (const size of [SMALL_BODY, LARGE_BODY]) {
    const outcome = await probe.call(NOWHERE, { method: 'POST', headers: BYTES, body: new Uint8Array(size) });
    const isApplications = outcome.response !== undefined || problemOf(outcome) === 'too-large';
    if (isApplications) continue;
    const { seen, error } = outcome;
    if (size > SMALL_BODY && seen?.status !== 413) {
      // Some proxies give up when the response comes before they have sent all of the body.
      findings.note(
        'body-limit',
        `A body of ${size / 1024} KiB was not answered (${seen?.status ?? reasonOf(error)}).`,
      );
      return;
    }
    const what = `A body of ${size / 1024} KiB does not reach the application (${seen?.status ?? reasonOf(error)}).`;
    const fix = 'Raise the limit of the proxy to twice "maxBodySize" or more (nginx: client_max_body_size).';
    findings.fail('body-limit', what, fix);
    return;
  }
  findings.ok('body-limit', `Bodies of ${LARGE_BODY / 1024} KiB reach the application.`);
}
