import type { KeyKind } from '../../protocol/keys.js';
import { essence, JSON_MEDIA_TYPE } from '../../protocol/media-type.js';
import type { Findings } from './finding.js';
import { isUnreachable, Probe, problemOf, reasonOf, type DoctorRequest, type Outcome, type Seen } from './probe.js';

/** Which kind the further checks use: its messages are the shortest first. */
const PREFERENCE: readonly KeyKind[] = ['X25519', 'P-256', 'RSA', 'MLKEM768-X25519'];

/** A wrong clock makes certificates and sessions expire at the wrong time; messages use the server's clock. */
const MAX_CLOCK_SECONDS = 30;

/** Handshakes by kind, and what their responses show. Returns the probe whose handshake succeeded. */
export async function checkHandshakes(request: DoctorRequest, findings: Findings): Promise<Probe | undefined> {
  const outcomes = new Map<KeyKind, { probe: Probe; outcome: Outcome }>();
  for (const kind of request.kinds) {
    const probe = new Probe(request, kind);
    const outcome = await probe.handshake();
    outcomes.set(kind, { probe, outcome });
    if (isUnreachable(outcome)) {
      findings.add('connection-failed', request.url.origin, reasonOf(outcome.error));
      return undefined;
    }
  }
  const asked = PREFERENCE.filter((kind) => outcomes.has(kind));
  const succeeded = asked.filter((kind) => !outcomes.get(kind)!.outcome.error);
  const first = outcomes.get(succeeded[0] ?? asked[0]!)!;
  if (succeeded.length === 0) {
    explainFailure(request, first.outcome, findings);
    return undefined;
  }
  findings.add('handshake-ok', succeeded);
  for (const [kind, { outcome }] of outcomes) if (outcome.error) explainKind(kind, outcome, findings);
  checkIdentity(request, first.outcome.seen!, findings);
  checkClock(first.outcome.seen!, findings);
  checkCookie(request, first.outcome.seen!, findings);
  return first.probe;
}

function explainFailure({ url, path }: DoctorRequest, outcome: Outcome, findings: Findings): void {
  const { error, seen } = outcome;
  const address = new URL(`${path}/handshake`, url).href;
  const type = essence(seen?.headers.get('content-type') ?? '');
  if ((error as { code?: string }).code === 'identity-rejected') findings.add('identity-rejected', error!.message);
  else if (seen?.status === 404) findings.add('handshake-missing', address);
  else if (seen?.status === 201 && type !== JSON_MEDIA_TYPE) findings.add('content-type-changed', type);
  else findings.add('handshake-failed', address, reasonOf(error));
}

/** A kind that failed although another did not. */
function explainKind(kind: KeyKind, outcome: Outcome, findings: Findings): void {
  const { error, seen } = outcome;
  if (problemOf(outcome) === 'key-rejected') findings.add('kind-rejected', kind);
  else if ((error as { code?: string }).code === 'engine-unsupported') findings.add('kind-unsupported', kind);
  // What a 413 means, the check of body sizes says.
  else if (seen?.status !== 413) findings.add('kind-failed', kind, reasonOf(error));
}

function checkIdentity({ identityKeys }: DoctorRequest, { json }: Seen, findings: Findings): void {
  if (identityKeys.length > 0) findings.add('identity-proved');
  else findings.add(json?.proof === undefined ? 'identity-missing' : 'identity-unpinned');
}

function checkClock({ json }: Seen, findings: Findings): void {
  const offset = Math.round(Number(json?.issuedAt) - Date.now() / 1000);
  if (Math.abs(offset) <= MAX_CLOCK_SECONDS) findings.add('clock-ok');
  else findings.add('clock-wrong', offset);
}

function checkCookie({ url }: DoctorRequest, { headers }: Seen, findings: Findings): void {
  const cookies = headers.getSetCookie();
  const faults: string[] = [];
  for (const cookie of cookies) {
    const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim());
    const name = pair.split('=')[0];
    const values = new Map(
      attributes.map((each) => each.split('=') as [string, string?]).map(([key, value]) => [key.toLowerCase(), value]),
    );
    const path = values.get('path') ?? '/';
    if (!values.has('httponly')) faults.push(`${name} is not HttpOnly`);
    if (!values.has('samesite')) faults.push(`${name} has no SameSite`);
    if (url.protocol === 'https:' && !values.has('secure')) faults.push(`${name} is not Secure`);
    if (!url.pathname.startsWith(path)) {
      faults.push(`${name} has the path ${path}, and is not sent to ${url.pathname}`);
    }
  }
  if (cookies.length === 0) findings.add('cookie-missing');
  else if (faults.length === 0) findings.add('cookie-ok');
  else findings.add('cookie-wrong', faults);
}
