import { startChild } from './children.mjs';
import { pause } from './stats.mjs';

/**
 * The server and the load, each in a process of its own.
 *
 * @param {{ serverFile?: string, server?: object, profile?: string, load?: object }} [options]
 */
export async function startPair({ serverFile = './server.mjs', server: options = {}, profile, load = {} } = {}) {
  const execArgv = profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [];
  const server = await startChild(serverFile, options, execArgv);
  const loader = await startChild('./load.mjs', { ...server.facts, ...load });
  const run = async (options) => {
    const before = await server.ask('cpu');
    const measured = await loader.ask('run', options);
    return { ...measured, cpu: ((await server.ask('cpu')) - before) / measured.count };
  };
  const prepare = (way, size, count) => loader.ask('prepare', way, size, count);
  return {
    server,
    prepare,
    run,
    /** One batch: how fast it was served, and how many microseconds of CPU each request cost the server. */
    async batch(way, size, count, options) {
      const requestBytes = await prepare(way, size, count);
      await quiet(server);
      return { ...(await run(options)), requestBytes };
    },
    /** One batch of handshakes. */
    async handshakes(kind, count, { isWarm = true } = {}) {
      await loader.ask('prepareHandshakes', kind, count);
      if (isWarm) await quiet(server, 10);
      return run({ withTimes: true });
    },
    async stop() {
      await loader.stop();
      await server.stop();
    },
  };
}

const WINDOW_MS = 40;

/**
 * Waits until the server has had nothing to do for so many windows: key pairs are made beside requests, and would be
 * counted with them.
 */
async function quiet(server, windows = 2) {
  let idle = 0;
  for (let last = await server.ask('cpu'), left = 2500; left > 0 && idle < windows; left--) {
    await pause(WINDOW_MS);
    const now = await server.ask('cpu');
    idle = now - last < WINDOW_MS * 80 ? idle + 1 : 0;
    last = now;
  }
}
