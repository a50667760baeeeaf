import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions } from 'playwright-core';

/** Found, or this whole file fails: the suite never passes for want of a browser. */
const executablePath = findChromium();

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Names of other hosts, and all of them this machine: whatever ends in .test is no secure context.
  '--host-resolver-rules=MAP *.test 127.0.0.1',
];

/** One browser for the tests of a file; each test's profiles are closed after it. */
export function useChromium(): {
  profile(options?: BrowserContextOptions): Promise<BrowserContext>;
  diskProfile(options?: BrowserContextOptions): Promise<BrowserContext>;
} {
  let browser: Browser | undefined;
  const open: BrowserContext[] = [];
  const folders: string[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ARGS });
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((context) => context.close()));
  });
  afterAll(async () => {
    await browser?.close();
    // Chromium may still write to a profile that it has closed.
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  return {
    /** A fresh profile: no cookies, no storage. */
    async profile(options) {
      // Without motion the page shows its steps as fast as they happen.
      const context = await browser!.newContext({ reducedMotion: 'reduce', ...options });
      context.setDefaultTimeout(60_000);
      open.push(context);
      return context;
    },
    /** One whose storage is on disk, as a person's is: that of all others is private, and its files are in memory. */
    async diskProfile(options) {
      const folder = mkdtempSync(join(tmpdir(), 'profile-'));
      const context = await chromium.launchPersistentContext(folder, { executablePath, args: ARGS, ...options });
      folders.push(folder);
      context.setDefaultTimeout(60_000);
      open.push(context);
      return context;
    },
  };
}

function findChromium(): string {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  const paths = ['/usr/bin/chromium', ...PATH.split(delimiter).map((folder) => join(folder, 'chromium'))];
  const found = (CHROMIUM_PATH ? [CHROMIUM_PATH] : paths).find((path) => existsSync(path));
  if (found === undefined) {
    throw new Error('These tests need a real Chromium: apt-get install chromium, or say where it is in CHROMIUM_PATH.');
  }
  return found;
}
