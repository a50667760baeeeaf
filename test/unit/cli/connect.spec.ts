import { expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { liveGateway, seen } from '../../integration/sockets/support/gateway.js';
import { useCommandLine } from './support/command.js';

const Live = liveGateway('/live', Encrypted());
const Unsealed = liveGateway('/unsealed');
const echo = (data: unknown) => JSON.stringify({ event: 'echo', data });

onEachPlatform('connect', (platform) => {
  const app = useApp(platform, {
    providers: [Live, Unsealed],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  const command = useCommandLine();
  const connect = (input: string, ...args: string[]) =>
    command.run(['connect', `${app().url}/live`, '--kind', 'X25519', ...args], input);

  it('sends each line, prints each message, and closes after the end of the input', async () => {
    app().tap.clear();
    const lines = [1, 'canary', 3].map(echo);
    const { code, out, err } = await connect(`${lines.join('\n')}\n`, '--protocol', 'v1.notes');
    expect([code, out]).toEqual([0, `${lines.join('\n')}\n`]);
    expect(err).toBe('subprotocol: v1.notes\nclosed: 1000\n');
    expect(app().tap.text).not.toMatch(/canary|v1\.notes/);
    expect(seen).toContain('closed 1000 ');
  });

  it('shows each message beside what the wire carries with -v', async () => {
    const { err } = await connect(`${echo('canary')}\n`, '-v');
    const lines = err.split('\n').filter((line) => !line.startsWith('Channel '));
    expect(lines).toEqual([
      '> the head',
      expect.stringMatching(/^ {2}eyJ\S+… \(\d+ characters\)$/),
      '< the server’s head, or its refusal',
      expect.stringMatching(/^ {2}eyJ/),
      `> ${echo('canary')}`,
      expect.stringMatching(/^ {2}03[0-9a-f]{90,} \(\d+ bytes\)$/),
      `< ${echo('canary')}`,
      expect.stringMatching(/^ {2}03[0-9a-f]{90,} \(\d+ bytes\)$/),
      '> the end',
      expect.stringMatching(/^ {2}01/),
      '< the end',
      expect.stringMatching(/^ {2}01/),
      'closed: 1000',
      '',
    ]);
  });

  it('shows bytes and ends with the code of the server’s close', async () => {
    const binary = await connect('{"event":"binary"}\n{"event":"bye"}\n', '--wait', '20');
    expect(binary.code).toBe(0);
    expect(binary.out).toContain('(3 bytes) 010203\n');
    expect(binary.err).toBe('closed: 3001 as asked\n');
    const revoked = await connect('{"event":"revoke"}\n', '--wait', '20');
    expect([revoked.code, revoked.err]).toEqual([4, 'closed: 4401\n']);
    const cut = await connect('{"event":"cut"}\n', '--wait', '20');
    expect([cut.code, cut.err]).toEqual([2, 'closed: 1006\n']);
  });

  it('keeps the session’s cookies from run to run', async () => {
    const jar = join(command.folder, `${platform}.txt`);
    expect((await connect(`${echo(1)}\n`, '--cookie-jar', jar)).code).toBe(0);
    expect(existsSync(jar)).toBe(true);
    const kept = readFileSync(jar, 'utf8');
    const { code, out } = await connect(`${echo(2)}\n`, '--cookie-jar', jar);
    expect([code, out]).toEqual([0, `${echo(2)}\n`]);
    expect(readFileSync(jar, 'utf8').split('\t').at(-1)).toBe(kept.split('\t').at(-1));
  });

  it('says of a socket that does not open in time what it says of a call', async () => {
    // A gateway that is not sealed never sends a head.
    const args = ['connect', `${app().url}/unsealed`, '--kind', 'X25519', '--timeout', '0.5'];
    const { code, out, err } = await command.run(args, '');
    expect([code, out, err]).toEqual([2, '', `timeout: no response within 0.5 s (${app().url})\n`]);
  });

  it('says what is wrong', async () => {
    const nowhere = await command.run(['connect', `${app().url}/nowhere`, '--kind', 'X25519']);
    expect([nowhere.code, nowhere.out]).toEqual([2, '']);
    expect(nowhere.err).toContain('plain-answer: ');
    const closed = await command.run(['connect', '127.0.0.1:1/live']);
    expect([closed.code, closed.out]).toEqual([2, '']);
    for (const args of [[], ['a', 'b'], [':3000', '--wait', 'x'], [':3000', '--kind', 'x'], ['ftp://a']]) {
      const wrong = await command.run(['connect', ...args]);
      expect(wrong.code).toBe(1);
      expect(wrong.err).toContain('nestjs-e2e-encryption connect URL');
    }
  });
});
