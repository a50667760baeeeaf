import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { entriesFor, makeApplication, makeFolder, pack, run, whileRunning, type Stack } from './application.js';

/** Jest can load Nest 12, which is made of ES modules, into CommonJS from this version of Node on. */
const JEST_REQUIRES_ES_MODULES = [24, 9];

/** Makes an application on each stack, all at once, and has each built, tested by its own runner, and run. */
export function describeStacks(stacks: readonly Stack[]): void {
  let folder: string;
  const appOf = (stack: Stack) => join(folder, `nest${stack.nest}-${stack.modules.toLowerCase()}-${stack.platform}`);

  beforeAll(async () => {
    folder = makeFolder();
    const tarball = await pack(folder);
    await Promise.all(stacks.map((stack) => makeApplication(appOf(stack), stack, tarball)));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe.each(stacks)(
    'a Nest $nest application of $modules modules on $platform, as `nest new` makes it',
    (stack) => {
      const canTest = stack.nest === 11 || stack.modules === 'ES' || isNode(JEST_REQUIRES_ES_MODULES);

      it('builds against the types', async () => {
        await run(appOf(stack), 'npm', 'run', 'build');
        expect(existsSync(join(appOf(stack), 'dist/main.js'))).toBe(true);
      });

      // Elsewhere not even the tests that `nest new` makes run; Node's own test runner, below, loads both kinds.
      if (canTest) {
        it('passes its own tests, and those of a sealed controller, under its own test runner', async () => {
          await run(appOf(stack), 'npm', 'test');
          await run(appOf(stack), 'npm', 'run', 'test:e2e');
        });
      }

      it('runs, and gets one set of classes by import and by require', async () => {
        const entries = entriesFor(stack);
        const output = await whileRunning(appOf(stack), (url) =>
          run(appOf(stack), process.execPath, 'check.cjs', url, ...entries),
        );
        expect(output).toContain(`one set of classes in ${entries.length} entries`);
      });

      it('has the command line', async () => {
        const keys = await run(appOf(stack), 'npx', '--no-install', 'nestjs-e2e-encryption', 'keygen', '--json');
        expect(JSON.parse(keys)).toMatchObject({ publicKey: { crv: 'Ed25519' }, thumbprint: expect.any(String) });
      });

      if (stack.modules === 'CommonJS') {
        it("takes the testing kit under Node's own test runner, too", async () => {
          expect(await run(appOf(stack), process.execPath, '--test', 'kit.test.cjs')).toMatch(/^# pass 1$/m);
        });
      }

      if (stack.nest === 11 && stack.platform === 'express') {
        it('builds where modules are still resolved the old way, too', async () => {
          await run(appOf(stack), 'npx', 'tsc', '-p', 'tsconfig.node10.json');
        });
      }
    },
  );
}

function isNode([major = 0, minor = 0]: readonly number[]): boolean {
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
