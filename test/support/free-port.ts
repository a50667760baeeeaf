import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems give to `listen(0)` and to outgoing connections: nobody else takes one before its server. */
const [FIRST, LAST] = [15_000, 32_000];
const given = new Set<number>();

/** A port for a server that is started later, perhaps by another program. Each is given once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (given.has(port)) continue;
    given.add(port);
    const probe = createServer().listen(port);
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
