import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import type { Result } from '../../../src/cli/conformance/report.js';
import { run } from '../../../src/cli/main.js';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';

// `conformance --server`, against the module itself, and against servers that do not speak the protocol.

@Controller('notes')
@Encrypted()
class NotesController {
  @Get()
  list(): string[] {
    return [];
  }
}

async function conformance(...args: string[]) {
  let out = '';
  const code = await run(['conformance', '--json', ...args], {
    out: (text) => (out += String(text)),
    err: () => undefined,
    input: async function* () {
      // nothing
    },
    isTerminal: { out: false, err: false },
    colours: false,
    columns: 80,
  });
  return { code, ...(JSON.parse(out) as { passed: number; failed: number; skipped: number; cases: Result[] }) };
}

onEachPlatform('conformance --server', (platform) => {
  const app = useApp(platform, { controllers: [NotesController] });

  it('passes every case of a server, on each kind of channel', async () => {
    const { code, passed, skipped, cases } = await conformance('--server', app().url);
    expect(cases.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
    expect({ code, skipped }).toEqual({ code: 0, skipped: 0 });
    expect(passed).toBeGreaterThan(380);
  });
});

describe('a server that does not speak the protocol', () => {
  it('fails, with the reason for each case', async () => {
    const server = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const { code, passed, cases } = await conformance('--server', `127.0.0.1:${port}`);
      expect({ code, passed }).toEqual({ code: 2, passed: 0 });
      expect(cases.every(({ flaw }) => flaw)).toBe(true);
    } finally {
      server.close();
    }
  });
});
