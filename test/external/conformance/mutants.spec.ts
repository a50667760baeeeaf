/** What would a wrong client pass? The client in Python with one check taken out: the runner must notice each. */
import { afterAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What is wrong, where, the code, what stands for it, and words of the cases that must fail. */
const MUTANTS: readonly (readonly [name: string, file: string, code: string, instead: string, cases: string])[] = [
  ['kid is not computed', 'channel', 'answer.get("kid") != kid', 'False', 'the kid of another key'],
  ['a kid may come twice', 'channel', 'if kid in seen:', 'if False:', 'seen before'],
  [
    'a secret may have any header',
    'channel',
    'header != {"alg": "RSA-OAEP-256", "enc": "A256GCM"}',
    'False',
    'secret with an',
  ],
  ['a proof may be of any handshake', 'channel', 'unb64u(jws[1]) != b64u(th).encode()', 'False', 'proof of another'],
  ['again has another tag', 'channel', '{first_seq} {kid} {seq}', '{first_seq}-{kid} {seq}', 'a PUT goes once more'],
  ['the top bit may be set', 'keys', 'if x[31] & 0x80:', 'if False:', 'top bit'],
  ['seq may be any', 'message', ' or header["seq"] != seq', '', 'another request'],
  ['zip and crit are ignored', 'message', '{"zip", "crit"} & header.keys()', 'False', 'crit'],
  ['base64url may be sloppy', 'encoding', 'b64u(data) != text', 'False', 'unused bits set in its tag'],
  ['a member may come twice', 'encoding', 'len(members) != len(pairs)', 'False', 'twice'],
  [
    'a stream may end anywhere',
    'frames',
    'if len(start) < 4 or',
    'if not start:\n            return\n        if',
    'no last frame',
  ],
  ['anything may follow the end', 'frames', 'start[0] == LAST and read(1)', 'False', 'after the last'],
  ['kind 2 is no end', 'frames', 'if start[0] == FAILED:', 'if False:', 'kind 2'],
  ['a redirect may lead anywhere', 'client', '(url.scheme, url.netloc) != ', 'None and ', 'redirect'],
  ['a plain answer is data', 'client', 'if call.plain and not problem:', 'if not problem:', 'in the clear'],
  ['a plain message-stale is believed', 'client', ' and error.code == "refused"', '', 'message-stale'],
  ['early is ignored', 'client', 'opened.header.get("early")', 'False', 'early'],
];

describe('a client in which', () => {
  it.each(MUTANTS)('%s does not pass', (name, file, code, instead, cases) => {
    const copy = join(folder, name.replaceAll(' ', '-'));
    cpSync(join(root, 'clients/python'), copy, { recursive: true });
    const path = join(copy, 'e2e_client', `${file}.py`);
    const source = readFileSync(path, 'utf8');
    expect(source).toContain(code);
    writeFileSync(path, source.replace(code, instead));
    const client = `/usr/bin/python3 -B ${join(copy, 'conformance.py')}`;
    const args = ['dist/esm/cli/bin.js', 'conformance', '--json', '--only', cases, '--client', client];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect(status).toBe(2);
    // It runs, and fails for what it does.
    const flaws = (JSON.parse(stdout) as { cases: { flaw?: string }[] }).cases.flatMap(({ flaw }) => flaw ?? []);
    expect(flaws.length).toBeGreaterThan(0);
    expect(flaws.filter((flaw) => flaw.includes('the client ended'))).toEqual([]);
  });
});
