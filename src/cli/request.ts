import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KEY_KINDS, type KeyKind } from '../protocol/keys.js';
import { UsageError, type Terminal } from './terminal.js';

/** A call, as the command line asks for it. */
export interface CallRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string | undefined;
  readonly path: string;
  readonly keyKind: KeyKind;
  readonly identityKeys: readonly string[];
  readonly cookieJar: string | undefined;
  readonly follow: boolean;
  readonly timeout: number;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly sealing: { readonly request: boolean; readonly response: boolean };
}

const OPTIONS = {
  data: { type: 'string', short: 'd' },
  header: { type: 'string', short: 'H', multiple: true, default: [] as string[] },
  'plain-request': { type: 'boolean', default: false },
  'plain-answer': { type: 'boolean', default: false },
  path: { type: 'string', default: 'e2e' },
  'key-kind': { type: 'string', default: 'RSA' },
  'identity-key': { type: 'string', multiple: true, default: [] as string[] },
  'cookie-jar': { type: 'string' },
  location: { type: 'boolean', short: 'L', default: false },
  timeout: { type: 'string', default: '30' },
  verbose: { type: 'boolean', short: 'v', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** @throws UsageError, or what `parseArgs` throws. */
export async function readCall(method: string, args: string[], terminal: Terminal): Promise<CallRequest> {
  const { values, positionals } = parseArgs({ args: withValues(args), options: OPTIONS, allowPositionals: true });
  const [address, ...items] = positionals;
  if (address === undefined) throw new UsageError(`${method.toLowerCase()} takes a URL`);
  const keyKind = KEY_KINDS.find((kind) => kind.toLowerCase() === values['key-kind'].toLowerCase());
  if (!keyKind) throw new UsageError(`--key-kind takes ${KEY_KINDS.join(', ')}`);
  const timeout = Number(values.timeout);
  if (!(timeout > 0 && timeout <= 86_400)) throw new UsageError('--timeout takes a number of seconds');

  const url = readUrl(address);
  const members = readItems(method, items, url);
  if (members && values.data !== undefined) throw new UsageError('a body is given by -d or by name=value, not by both');
  if (method === 'GET' && values.data !== undefined) {
    throw new UsageError('a GET has no body: use name=value for its query');
  }
  const headers = readHeaders(values.header);
  const body = members ? JSON.stringify(members) : await readData(values.data, terminal);
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
  return {
    method,
    url,
    headers,
    body,
    path: values.path,
    keyKind,
    identityKeys: values['identity-key'],
    cookieJar: values['cookie-jar'],
    follow: values.location,
    timeout: timeout * 1000,
    verbose: values.verbose,
    json: values.json,
    sealing: { request: !values['plain-request'], response: !values['plain-answer'] },
  };
}

/**
 * Ties each option to its value. As with curl, an option that takes one takes whatever comes next: a thumbprint or a JSON
 * number may begin with `-`, and `parseArgs` would call that ambiguous.
 */
function withValues(args: readonly string[]): string[] {
  const tied: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === '--') return [...tied, ...args.slice(index)];
    const name = optionWithValue(arg);
    tied.push(name && index + 1 < args.length ? `--${name}=${args[++index]}` : arg);
  }
  return tied;
}

/** The name of the option of a call whose value is the argument after this one. */
export function optionWithValue(arg: string): string | undefined {
  return Object.entries(OPTIONS).find(
    ([name, each]) => each.type === 'string' && (arg === `--${name}` || ('short' in each && arg === `-${each.short}`)),
  )?.[0];
}

/** `:3000/notes`, `localhost:3000/notes` and `https://…` */
function readUrl(address: string): URL {
  const whole = /^[a-z][a-z\d+.-]*:\/\//i.test(address)
    ? address
    : `http://${/^:?\//.test(address) || /^:\d/.test(address) ? `localhost${address.replace(/^:\//, '/')}` : address}`;
  try {
    const url = new URL(whole);
    if (/^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  } catch {
    // said below
  }
  throw new UsageError(`"${address}" is no http or https URL without user name and password`);
}

/** Puts `name==value` into the query, and so a GET's `name=value`; gives the members of a body, if there are any. */
function readItems(method: string, items: readonly string[], url: URL): Record<string, unknown> | undefined {
  const members: [string, unknown][] = [];
  for (const item of items) {
    const [, name = '', sign, value = ''] = /^([^=]*?)(:=|==|=)([^]*)$/.exec(item) ?? [];
    if (!name || !sign) throw new UsageError(`"${item}" is neither name=value, name:=json nor name==value`);
    if (sign === '==' || (sign === '=' && method === 'GET')) url.searchParams.append(name, value);
    else if (method === 'GET') throw new UsageError(`"${item}": a GET has no body, and takes name=value for its query`);
    else members.push([name, sign === '=' ? value : readJson(item, value)]);
  }
  return members.length > 0 ? Object.fromEntries(members) : undefined;
}

function readJson(item: string, value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new UsageError(`"${item}": what follows := is no JSON; for a text use =`);
  }
}

function readHeaders(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = /^([^:\s]+)\s*:\s*(.*)$/.exec(line) ?? [];
    try {
      headers.append(name ?? '', value ?? '');
    } catch {
      throw new UsageError(`"${line}" is no header: -H takes 'name: value'`);
    }
  }
  return headers;
}

async function readData(data: string | undefined, terminal: Terminal): Promise<string | undefined> {
  if (data === '-' || data === '@-') return terminal.input();
  if (!data?.startsWith('@')) return data;
  try {
    return readFileSync(data.slice(1), 'utf8');
  } catch (error) {
    throw new UsageError(`-d ${data}: ${(error as Error).message}`);
  }
}
