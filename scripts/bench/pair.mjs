import { startChild } from './children.mjs';
import { pause } from './stats.mjs';

/** The server and the load, each in a process of its own. */
export async function startPair({ serverFile = './server.mjs', server: options = {}, profile, load = {} } = {}) {
  const execArgv = profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [];
  const server = await startChild(serverFile, options, execArgv);
  const loader = await startChild('./load.mjs', { ...server.facts, ...load });
  return {
    server,
    loader,
    /** One batch: how fast it was served, and how many microseconds of CPU each request cost the server. */
    async batch(way, size, count) {
      const requestBytes = await loader.ask('prepare', way, size, count);
      await quiet(server);
      const before = await server.ask('cpu');
      const run = await loader.ask('run');
      const cpu = ((await server.ask('cpu')) - before) / run.count;
      return { ...run, cpu, requestBytes };
    },
    async stop() {
      await loader.stop();
      await server.stop();
    },
  };
}

/** Waits until the server has nothing to do: key pairs are made beside requests, and would be counted with them. */
async function quiet(server) {
  const STEP_MS = 40;
  for (let last = await server.ask('cpu'), left = 250; left > 0; left--) {
    await pause(STEP_MS);
    const now = await server.ask('cpu');
    if (now - last < STEP_MS * 100) return;
    last = now;
  }
}
