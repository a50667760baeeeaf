import { afterAll, beforeAll } from '@jest/globals';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PlatformName } from '../../e2e/support/apps.js';
import { Tap } from '../../e2e/support/tap.js';

/** The applications that one file exports. */
export interface Applications {
  /** Where an application is reached: every byte passes the tap. */
  url(name: string): string;
  tap(name: string): Tap;
  /** What they have printed, since it was last cleared. */
  output: string;
}

/**
 * Applications in a process of their own, as people run them, for all tests of a `describe`. This is for packages that
 * are CommonJS, and so `require()` a Nest 12 that is not: Node does that, and jest does not before Node 24.
 *
 * @param file beside the specs; every module that it exports becomes an application.
 */
export function useApplications(platform: PlatformName, file: string): Applications {
  const taps = new Map<string, Tap>();
  const applications = { output: '', url: (name: string) => tap(name).url, tap };
  let stop = async (): Promise<void> => undefined;

  function tap(name: string): Tap {
    const found = taps.get(name);
    if (!found) throw new Error(`${file} exports no ${name}, or does not run`);
    return found;
  }

  beforeAll(async () => {
    const child = fork(here('main.ts'), [platform, here(`../${file}`)], {
      execArgv: ['--import', here('../../../security/attack/support/typescript.mjs')],
      env: { PATH: process.env.PATH },
      silent: true,
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (applications.output += text));
    }
    const exit = once(child, 'exit');
    stop = async () => {
      for (const each of taps.values()) await each.close();
      child.kill();
      await exit;
    };
    const failed = exit.then(() => new Error(`the applications did not start:\n${applications.output}`));
    const started = await Promise.race([once(child, 'message'), failed]);
    if (started instanceof Error) throw started;
    for (const [name, port] of Object.entries(started[0] as Record<string, number>)) {
      taps.set(name, await Tap.before(port));
    }
  });
  afterAll(() => stop());
  return applications;
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
