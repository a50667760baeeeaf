import { KEY_KINDS, type KeyKind } from '../../protocol/keys.js';
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
  for (const kind of KEY_KINDS) {
    const probe = new Probe(request, kind);
    const outcome = await probe.handshake();
    outcomes.set(kind, { probe, outcome });
    if (isUnreachable(outcome)) {
      findings.fail(
        'connection',
        `${request.url.origin} does not respond: ${reasonOf(outcome.error)}.`,
        'Check the address, that the server runs, DNS and the TLS certificate.',
      );
      return undefined;
    }
  }
  const succeeded = PREFERENCE.filter((kind) => !outcomes.get(kind)!.outcome.error);
  const first = outcomes.get(succeeded[0] ?? PREFERENCE[0]!)!;
  if (succeeded.length === 0) {
    explainFailure(request, first.outcome, findings);
    return undefined;
  }
  findings.ok('handshake', `A channel was made with a key of kind ${succeeded.join(', ')}.`);
  for (const [kind, { outcome }] of outcomes) if (outcome.error) explainKind(kind, outcome, findings);
  checkIdentity(request, first.outcome.seen!, findings);
  checkClock(first.outcome.seen!, findings);
  checkCookie(request, first.outcome.seen!, findings);
  return first.probe;
}

function explainFailure({ url, path }: DoctorRequest, outcome: Outcome, findings: Findings): void {
  const { error, seen } = outcome;
  const address = `POST ${new URL(`${path}/handshake`, url).href}`;
  const type = essence(seen?.headers.get('content-type') ?? '');
  if ((error as { code?: string }).code === 'identity-rejected') {
    const fix =
      'Check --identity-key, and the option "identityKey" of the server. If both are right, someone is in between.';
    findings.fail('identity', `The server did not prove that it has a pinned identity key: ${error!.message}`, fix);
  } else if (seen?.status === 404) {
    const fix = 'Check the address, the global prefix (give it in the URL), the option "path" (--path), and the proxy.';
    findings.fail('handshake', `${address} is 404: the module is not there, or a proxy does not pass it on.`, fix);
  } else if (seen?.status === 201 && type !== JSON_MEDIA_TYPE) {
    const what = `The response to the handshake has ${type ? `the type ${type}` : 'no Content-Type'}: a proxy removes or changes it.`;
    findings.fail('content-type', what, 'Have the proxy pass on the header Content-Type as it is.');
  } else {
    const fix = 'See docs/troubleshooting.md for this error; and check what the proxy does with POST requests.';
    findings.fail('handshake', `${address} failed: ${reasonOf(error)}`, fix);
  }
}

/** A kind that failed where another did not. */
function explainKind(kind: KeyKind, outcome: Outcome, findings: Findings): void {
  const { error, seen } = outcome;
  if (problemOf(outcome) === 'key-rejected') {
    findings.note('handshake', `The server does not accept keys of kind ${kind}.`);
  } else if ((error as { code?: string }).code === 'engine-unsupported') {
    findings.note('handshake', `This Node does not support keys of kind ${kind}; they were not checked.`);
  } else if (seen?.status !== 413) {
    // What a 413 means, the check of body sizes says.
    const fix = 'See docs/troubleshooting.md for this error.';
    findings.warn('handshake', `The handshake with a key of kind ${kind} failed: ${reasonOf(error)}`, fix);
  }
}

function checkIdentity({ identityKeys }: DoctorRequest, { json }: Seen, findings: Findings): void {
  if (identityKeys.length > 0) findings.ok('identity', 'The server proved that it has a pinned identity key.');
  else if (json?.proof !== undefined) {
    findings.note(
      'identity',
      'The server has an identity key, and no pin was given to check it.',
      'Pass its thumbprint: --identity-key.',
    );
  } else {
    const fix = 'Set "identityKey" (npx nestjs-e2e-encryption keygen), and pin it in clients.';
    findings.note(
      'identity',
      'The server has no identity key: clients accept whoever is behind the TLS certificate.',
      fix,
    );
  }
}

function checkClock({ json }: Seen, findings: Findings): void {
  const offset = Math.round(Number(json?.issuedAt) - Date.now() / 1000);
  if (Math.abs(offset) <= MAX_CLOCK_SECONDS) {
    findings.ok('clock', 'The clocks of the server and of this machine agree.');
  } else {
    const what = `The server's clock is ${Math.abs(offset)} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's.`;
    findings.warn('clock', what, 'Synchronize both by NTP. Clients use the server’s time, so sealed calls work.');
  }
}

function checkCookie({ url }: DoctorRequest, { headers }: Seen, findings: Findings): void {
  const cookies = headers.getSetCookie();
  if (cookies.length === 0) {
    findings.note('cookie', "The handshake sets no cookie: session: 'channel', or a proxy removes Set-Cookie.");
    return;
  }
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
  if (faults.length === 0) findings.ok('cookie', 'The session cookie has its flags, and the right path.');
  else {
    const fix = 'Have the proxy pass on Set-Cookie as it is; behind HTTPS, set trust proxy and X-Forwarded-Proto.';
    findings.warn('cookie', `${faults.join('; ')}.`, fix);
  }
}
