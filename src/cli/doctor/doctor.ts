import { parseArgs } from 'node:util';
import type { WebSocketClass } from '../../client/options.js';
import { KEY_KINDS } from '../../protocol/keys.js';
import { readKinds, readUrl } from '../request.js';
import { EXIT, harmless, painter, UsageError, type Colour, type Terminal } from '../terminal.js';
import { Findings, type Finding, type Level } from './finding.js';
import { checkHandshakes } from './handshakes.js';
import { checkCors, checkHttpVersion } from './entry.js';
import { checkMore } from './more.js';
import type { DoctorRequest } from './probe.js';
import { checkWire } from './wire.js';

const OPTIONS = {
  path: { type: 'string', default: 'e2e' },
  route: { type: 'string' },
  stream: { type: 'string' },
  socket: { type: 'string' },
  origin: { type: 'string' },
  kind: { type: 'string', default: KEY_KINDS.join(',') },
  'identity-key': { type: 'string', multiple: true, default: [] as string[] },
  timeout: { type: 'string', default: '10' },
  json: { type: 'boolean', default: false },
} as const;

const MARKS: Readonly<Record<Level, { readonly mark: string; readonly colour: Colour }>> = {
  ok: { mark: 'ok     ', colour: 'green' },
  note: { mark: 'note   ', colour: 'cyan' },
  warning: { mark: 'warning', colour: 'yellow' },
  failed: { mark: 'FAILED ', colour: 'red' },
};

/** `doctor URL`: checks a running deployment from outside, as a client. */
export async function doctor(args: string[], terminal: Terminal, webSocket: () => WebSocketClass): Promise<number> {
  const { request, json } = readDoctor(args);
  const findings = await examine(request, webSocket);
  if (json) await terminal.out(`${JSON.stringify({ url: request.url.href, findings: findings.list })}\n`);
  else await terminal.out(findings.list.map((finding) => present(finding, terminal)).join(''));
  return findings.hasFaults ? EXIT.failed : EXIT.ok;
}

/** Reads the command line. @throws UsageError */
export function readDoctor(args: string[]): { request: DoctorRequest; json: boolean } {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [address, ...more] = positionals;
  if (address === undefined || more.length > 0) throw new UsageError('doctor needs one URL: that of the application');
  const { path, route, stream, socket, origin, json } = values;
  const url = readUrl(address);
  url.search = url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  const timeout = Math.ceil(Number(values.timeout) * 1000);
  if (!(timeout > 0)) throw new UsageError('--timeout must be a number of seconds');
  // Relative, so that a prefix in the URL applies to all of them.
  const relative = (given: string | undefined) => given?.replace(/^\/+/, '');
  const routes = { route: relative(route), stream: relative(stream), socket: relative(socket) };
  const trusted = { identityKeys: values['identity-key'], kinds: readKinds(values.kind) };
  return { request: { url, path, ...routes, origin, ...trusted, timeout }, json };
}

async function examine(request: DoctorRequest, webSocket: () => WebSocketClass): Promise<Findings> {
  const findings = new Findings();
  const probe = await checkHandshakes(request, findings);
  if (!probe) return findings;
  await checkHttpVersion(request, findings);
  await checkCors(request, findings);
  if (await checkWire(request, probe, findings)) await checkMore(request, probe, findings, webSocket);
  probe.client.close();
  return findings;
}

function present({ check, level, what, fix }: Finding, terminal: Terminal): string {
  const { mark, colour } = MARKS[level];
  const paint = painter(terminal, 'out');
  return `${paint(colour, mark)} ${check}: ${harmless(what)}\n${fix ? `${' '.repeat(mark.length + 1)}→ ${fix}\n` : ''}`;
}
