import { parseArgs } from 'node:util';
import { EXIT, UsageError, type Terminal } from '../terminal.js';
import { CLIENT_CASES, runClient } from './client-run.js';
import { DrivenClient } from './driven-client.js';
import { report, type Result } from './report.js';
import { runServer } from './server-run.js';

const OPTIONS = {
  client: { type: 'string' },
  server: { type: 'string' },
  path: { type: 'string', default: 'e2e' },
  only: { type: 'string' },
  timeout: { type: 'string', default: '15' },
  json: { type: 'boolean', default: false },
} as const;

export interface ConformanceOptions {
  /** The command that drives a client. */
  readonly client: string | undefined;
  /** A server's origin. */
  readonly server: URL | undefined;
  /** Of the server's module, with a slash before it. */
  readonly path: string;
  /** What a case must have in its name. */
  readonly only: string | undefined;
  /** For one command, in milliseconds. */
  readonly timeout: number;
  readonly json: boolean;
}

/** @throws UsageError if the command line is wrong. */
export function readConformance(args: readonly string[]): ConformanceOptions {
  const { client, server, path, only, timeout, json } = parseArgs({ args: [...args], options: OPTIONS }).values;
  const seconds = Number(timeout);
  if (!(seconds > 0)) throw new UsageError('--timeout takes a number of seconds');
  if ((client === undefined) === (server === undefined)) {
    throw new UsageError('conformance takes either --client CMD or --server URL');
  }
  const origin = server === undefined ? undefined : readOrigin(server);
  return { client, server: origin, path: `/${path.replace(/^\/+|\/+$/g, '')}`, only, timeout: seconds * 1000, json };
}

function readOrigin(server: string): URL {
  const url = /^https?:/.test(server) ? server : `http://${server.replace(/^:/, 'localhost:')}`;
  if (!URL.canParse(url)) throw new UsageError(`"${server}" is not a URL`);
  return new URL(url);
}

/** `conformance`: the exit code says whether every case passed. */
export async function conformance(args: readonly string[], terminal: Terminal): Promise<number> {
  const { client = '', server, path, only, timeout, json } = readConformance(args);
  const results = server ? runServer({ origin: server, path, timeout, only }) : tryClient(client, only, timeout);
  const { failed, passed } = await report(results, terminal, { json });
  return failed === 0 && passed > 0 ? EXIT.ok : EXIT.failed;
}

function tryClient(client: string, only: string | undefined, timeout: number): AsyncIterable<Result> {
  const cases = CLIENT_CASES.filter(({ name }) => only === undefined || name.includes(only));
  if (cases.length === 0) throw new UsageError(`no case has "${only}" in its name`);
  return runClient(new DrivenClient(client, timeout), cases);
}
