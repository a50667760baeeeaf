/** The sample as people run it: a process of its own. `E2E_TARGET=http://host:port` names one that runs already instead. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/free-port.js';

export const target = process.env.E2E_TARGET;

export interface Sample {
  base: string;
  port: number;
  /** All it has printed, both streams; empty where it is not ours. */
  output(): string;
  stop(): Promise<void>;
  /** As when the machine loses power. */
  kill(): Promise<void>;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const entry = fileURLToPath(new URL('../../../dist/sample/main.js', import.meta.url));

/** Starts the sample with these environment variables alone and waits until it has printed its URL. */
export async function startSample(env: Record<string, string> = {}, wanted?: number): Promise<Sample> {
  if (target) {
    const notOurs = () => Promise.resolve();
    const base = target.replace(/\/+$/, '');
    return { base, port: Number(new URL(base).port), output: () => '', stop: notOurs, kill: notOurs };
  }
  if (!existsSync(entry)) throw new Error('the sample is not built: npm run test:conformance builds it');
  const port = wanted ?? (await freePort());
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [entry], { cwd: root, env: { PATH, HOME, PORT: String(port), ...env } });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let output = '';
  const base = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no URL was printed:\n${output}`)), 300_000);
    const listen = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
      const url = new RegExp(`https?://[^\\s'"/]*:${port}\\b`).exec(output);
      if (!url) return;
      clearTimeout(late);
      resolve(url[0]);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    void gone.then(() => reject(new Error(`the sample ended:\n${output}`)));
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  return {
    base,
    port,
    output: () => output,
    async stop() {
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      child.kill('SIGTERM');
      await gone;
      clearTimeout(late);
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
