import { checkUpload } from './upload.js';
import type { Findings } from './finding.js';
import { isOfAnother, problemOf, reasonOf, type DoctorRequest, type Outcome, type Probe } from './probe.js';
import { checkServers } from './servers.js';

/** No application has it: the response is a sealed 404. */
const NOWHERE = 'e2e-doctor';
/** Below this, everyday requests fail. */
const SMALL_BODY = 64 * 1024;
/** Just below the default of `maxBodySize`. */
const LARGE_BODY = 900 * 1024;
const LONG_QUERY = 2_000;
const BYTES = { 'content-type': 'application/octet-stream' };

/** Checks sealed calls for changes on the way. */
export async function checkWire(request: DoctorRequest, probe: Probe, findings: Findings): Promise<boolean> {
  const route = request.route ?? NOWHERE;
  const first = await probe.call(route);
  if (!first.response) {
    explainCall(first, findings);
    return false;
  }
  findings.add('round-trip-ok', route, first.response.status);
  checkCompression(first, findings);
  // What comes from a cache, or without the channel, says nothing of the rest.
  if (!(await checkServers(probe, route, findings))) return false;
  await checkEncoding(probe, findings);
  await checkHeaderSize(probe, findings);
  await checkBodySize(probe, findings);
  await checkUpload(request, NOWHERE, findings);
  return true;
}

function explainCall(outcome: Outcome, findings: Findings): void {
  const { error, seen } = outcome;
  const problem = problemOf(outcome);
  if (problem === 'message-rejected') findings.add('path-changed');
  else if (problem === 'handshake-required') {
    // The cookie that was said to have the wrong path.
    if (!findings.has('cookie-wrong')) findings.add('session-lost');
  } else if (isOfAnother(outcome)) explainAnother(outcome, findings);
  else findings.add('round-trip-failed', reasonOf(error), seen?.status ?? 'none');
}

/** A response that the module did not write. */
function explainAnother({ seen, error }: Outcome, findings: Findings): void {
  const status = seen!.status;
  if ([400, 414, 431, 494].includes(status)) findings.add('headers-refused', status);
  else if (status >= 400) findings.add('error-pages', status);
  else findings.add('round-trip-plain', reasonOf(error));
}

function checkCompression({ seen }: Outcome, findings: Findings): void {
  const encoding = seen?.headers.get('content-encoding');
  if (encoding) findings.add('compression-on', encoding);
  else findings.add('compression-ok');
}

async function checkEncoding(probe: Probe, findings: Findings): Promise<void> {
  const { response } = await probe.call(`${NOWHERE}/a%2Fb%20c%3Ad/%C3%A9`);
  findings.add(response ? 'path-encoding-ok' : 'path-encoding-changed');
}

async function checkHeaderSize(probe: Probe, findings: Findings): Promise<void> {
  const { response, seen } = await probe.call(`${NOWHERE}?q=${'q'.repeat(LONG_QUERY)}`);
  if (response) findings.add('headers-ok', LONG_QUERY);
  else findings.add('headers-refused', seen?.status ?? 'no response');
}

async function checkBodySize(probe: Probe, findings: Findings): Promise<void> {
  for (const size of [SMALL_BODY, LARGE_BODY]) {
    const outcome = await probe.call(NOWHERE, { method: 'POST', headers: BYTES, body: new Uint8Array(size) });
    const isApplications = outcome.response !== undefined || problemOf(outcome) === 'too-large';
    if (isApplications) continue;
    const { seen, error } = outcome;
    const how = String(seen?.status ?? reasonOf(error));
    findings.add(size > SMALL_BODY && seen?.status !== 413 ? 'body-limit-unknown' : 'body-limit-low', size, how);
    return;
  }
  findings.add('body-limit-ok', LARGE_BODY);
}
