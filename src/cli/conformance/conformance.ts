import { parseArgs } from 'node:util';
import { EXIT, UsageError, type Terminal } from '../terminal.js';
import { CLIENT_CASES, runClient } from './client-run.js';
import { DrivenClient } from './driven-client.js';
import { report } from './report.js';

const OPTIONS = {
  client: { type: 'string' },
  only: { type: 'string' },
  timeout: { type: 'string', default: '15' },
  json: { type: 'boolean', default: false },
} as const;

export interface ConformanceOptions {
  /** The command that drives a client. */
  readonly client: string | undefined;
  /** What a case must have in its name. */
  readonly only: string | undefined;
  /** For one command, in milliseconds. */
  readonly timeout: number;
  readonly json: boolean;
}

/** @throws UsageError if the command line is wrong. */
export function readConformance(args: readonly string[]): ConformanceOptions {
  const { client, only, timeout, json } = parseArgs({ args: [...args], options: OPTIONS }).values;
  const seconds = Number(timeout);
  if (!(seconds > 0)) throw new UsageError('--timeout takes a number of seconds');
  if (client === undefined) throw new UsageError('conformance needs --client CMD');
  return { client, only, timeout: seconds * 1000, json };
}

/** `conformance --client CMD`: the exit code says whether every case passed. */
export async function conformance(args: readonly string[], terminal: Terminal): Promise<number> {
  const { client = '', only, timeout, json } = readConformance(args);
  const cases = CLIENT_CASES.filter(({ name }) => only === undefined || name.includes(only));
  if (cases.length === 0) throw new UsageError(`no case has "${only}" in its name`);
  const { failed, passed } = await report(runClient(new DrivenClient(client, timeout), cases), terminal, { json });
  return failed === 0 && passed > 0 ? EXIT.ok : EXIT.failed;
}
