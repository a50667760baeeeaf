import type { Findings } from './finding.js';
import { reasonOf, type Probe } from './probe.js';

const REPEATS = 6;

/**
 * The same call again, and copies of it: from a cache, or by a server that does not share channels and windows, the
 * response differs. Every other one over a new connection, which a balancer may give to another server.
 */
export async function checkServers(probe: Probe, route: string, findings: Findings): Promise<boolean> {
  for (let index = 0; index < REPEATS; index++) {
    probe.connectsAnew = index % 2 === 1;
    const { error, response, seen } = await probe.call(route);
    const isCached = (seen?.headers.has('age') ?? false) || /\bhit\b/i.test(seen?.headers.get('x-cache') ?? '');
    if ((error as { code?: string } | undefined)?.code === 'answer-rejected' || (response && isCached)) {
      findings.add('cache-kept');
      return false;
    }
    // By a response that was opened, or not: the client tries once more by itself.
    if (probe.handshakes > 1) {
      findings.add('servers-apart');
      return false;
    }
    if (!response) {
      findings.add('servers-failed', REPEATS, reasonOf(error));
      return false;
    }
  }
  findings.add('servers-ok', REPEATS);
  probe.connectsAnew = false;
  return checkReplay(probe, findings);
}

/** Whoever recorded a message must not be able to repeat it, at no server. */
async function checkReplay(probe: Probe, findings: Findings): Promise<boolean> {
  for (let copies = 0; copies < REPEATS; copies++) {
    const answer = await probe.repeat();
    // A refusal is sealed, with 409, or a problem in the clear. Nothing else is sealed.
    if (answer?.status !== 409 && answer?.headers.get('content-type')?.startsWith('application/jose')) {
      findings.add('replay-accepted');
      return false;
    }
  }
  findings.add('replay-ok', REPEATS);
  return true;
}
