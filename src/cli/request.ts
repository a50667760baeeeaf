import { createReadStream, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { E2eRequestInit } from '../client/call/draft.js';
import { KEY_KINDS, type KeyKind } from '../protocol/keys.js';
import { JSON_MEDIA_TYPE, OCTETS_MEDIA_TYPE } from '../protocol/media-type.js';
import { readableFile, readForm, type StreamedBody } from './form.js';
import { readInput, UsageError, type Terminal } from './terminal.js';

/** A call, as the command line asks for it. */
export interface CallRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string | AsyncIterable<Uint8Array> | undefined;
  /** The file that the response's body goes to. */
  readonly output: string | undefined;
  /** Whether the response is printed as it comes. */
  readonly unbuffered: boolean;
  readonly path: string;
  readonly keyKind: readonly KeyKind[];
  readonly identityKeys: readonly string[];
  readonly cookieJar: string | undefined;
  readonly follow: boolean;
  readonly timeout: number;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly sealing: NonNullable<E2eRequestInit['e2e']>;
}

const OPTIONS = {
  data: { type: 'string', short: 'd' },
  'data-binary': { type: 'string' },
  form: { type: 'string', short: 'F', multiple: true, default: [] as string[] },
  output: { type: 'string', short: 'o' },
  'no-buffer': { type: 'boolean', short: 'N', default: false },
  header: { type: 'string', short: 'H', multiple: true, default: [] as string[] },
  'plain-request': { type: 'boolean', default: false },
  'plain-answer': { type: 'boolean', default: false },
  field: { type: 'string', multiple: true, default: [] as string[] },
  'answer-field': { type: 'string', multiple: true, default: [] as string[] },
  'in-fields': { type: 'boolean', default: false },
  path: { type: 'string', default: 'e2e' },
  kind: { type: 'string', default: 'RSA' },
  'identity-key': { type: 'string', multiple: true, default: [] as string[] },
  'cookie-jar': { type: 'string' },
  location: { type: 'boolean', short: 'L', default: false },
  timeout: { type: 'string', default: '30' },
  verbose: { type: 'boolean', short: 'v', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** A socket, as the command line asks for it. */
export type ConnectRequest = Pick<
  CallRequest,
  'url' | 'path' | 'keyKind' | 'identityKeys' | 'cookieJar' | 'timeout' | 'verbose'
> & {
  /** The application's own subprotocols. */
  readonly protocols: readonly string[];
  /** How long to stay after the end of the input, in milliseconds. */
  readonly wait: number;
};

const { path, kind, 'identity-key': identityKey, 'cookie-jar': cookieJar, timeout, verbose } = OPTIONS;
const CONNECT_OPTIONS = {
  ...{ path, kind, 'identity-key': identityKey, 'cookie-jar': cookieJar, timeout, verbose },
  protocol: { type: 'string', multiple: true, default: [] as string[] },
  wait: { type: 'string', default: '1' },
} as const;

/** @throws UsageError, or what `parseArgs` throws. */
export function readConnection(args: string[]): ConnectRequest {
  const { values, positionals } = parseArgs({
    args: withValues(args),
    options: CONNECT_OPTIONS,
    allowPositionals: true,
  });
  const [address, ...rest] = positionals;
  if (address === undefined || rest.length > 0) throw new UsageError('connect takes one URL');
  return {
    url: readUrl(address.replace(/^ws(?=s?:)/i, 'http')),
    path: values.path,
    keyKind: readKinds(values.kind),
    identityKeys: values['identity-key'],
    cookieJar: values['cookie-jar'],
    timeout: readSeconds('--timeout', values.timeout),
    verbose: values.verbose,
    protocols: values.protocol,
    wait: readSeconds('--wait', values.wait, 0),
  };
}

function readSeconds(option: string, text: string, least = Number.MIN_VALUE): number {
  const seconds = Number(text);
  if (!(seconds >= least && seconds <= 86_400)) throw new UsageError(`${option} takes a number of seconds`);
  return seconds * 1000;
}

/** @throws UsageError, or what `parseArgs` throws. */
export async function readCall(method: string, args: string[], terminal: Terminal): Promise<CallRequest> {
  const { values, positionals } = parseArgs({ args: withValues(args), options: OPTIONS, allowPositionals: true });
  const [address, ...items] = positionals;
  if (address === undefined) throw new UsageError(`${method.toLowerCase()} takes a URL`);
  const keyKind = readKinds(values.kind);
  const timeout = readSeconds('--timeout', values.timeout);
  const url = readUrl(address);
  const members = readItems(method, items, url);
  const bodies = [members, values.data, values['data-binary'], values.form[0]].filter((each) => each !== undefined);
  if (bodies.length > 1) {
    throw new UsageError('a body is given by -d, by --data-binary, by -F or by name=value, not by both');
  }
  if (method === 'GET' && bodies.length > 0) {
    throw new UsageError('a GET has no body: use name=value for its query');
  }
  if (values.json && (values.output !== undefined || values['no-buffer'])) {
    throw new UsageError('--json prints the answer whole: leave out -o and -N');
  }
  const isInFields = values['in-fields'] || values.field.length > 0 || values['answer-field'].length > 0;
  if (isInFields && (values['data-binary'] !== undefined || values.form.length > 0)) {
    throw new UsageError('single fields need a JSON body: use -d or name=value');
  }
  if (isInFields && (values['plain-request'] || values['plain-answer'])) {
    throw new UsageError(
      '--plain-request and --plain-answer are for sealed routes: leave out these two, or the options for fields',
    );
  }
  const headers = readHeaders(values.header);
  const streamed = values.form.length > 0 ? readForm(values.form) : readBinary(values['data-binary'], terminal);
  const body = members ? JSON.stringify(members) : (streamed?.bytes ?? (await readData(values.data, terminal)));
  // A form's boundary is its own.
  if (streamed && values.form.length > 0) headers.set('content-type', streamed.type);
  const type = streamed?.type ?? JSON_MEDIA_TYPE;
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', type);
  return {
    method,
    url,
    headers,
    body,
    output: values.output,
    unbuffered: values['no-buffer'],
    path: values.path,
    keyKind,
    identityKeys: values['identity-key'],
    cookieJar: values['cookie-jar'],
    follow: values.location,
    timeout,
    verbose: values.verbose,
    json: values.json,
    sealing: {
      request: !values['plain-request'],
      response: !values['plain-answer'],
      ...(isInFields && { fields: values.field, answerFields: values['answer-field'] }),
    },
  };
}

/**
 * Ties each option to its value. As with curl, an option with a value takes the next argument, whatever it is: a
 * thumbprint or a JSON number may begin with `-`, and `parseArgs` would call that ambiguous.
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

/** The name of the option whose value is the argument after this one. */
export function optionWithValue(arg: string): string | undefined {
  return Object.entries({ ...OPTIONS, ...CONNECT_OPTIONS }).find(
    ([name, each]) => each.type === 'string' && (arg === `--${name}` || ('short' in each && arg === `-${each.short}`)),
  )?.[0];
}

/** `:3000/notes`, `localhost:3000/notes` and `https://…` */
export function readUrl(address: string): URL {
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
      throw new UsageError(`"${line}" is not a header: -H takes 'name: value'`);
    }
  }
  return headers;
}

/** `--data-binary`: a file is read as it is sent. */
function readBinary(data: string | undefined, terminal: Terminal): StreamedBody | undefined {
  if (data === undefined) return undefined;
  const type = OCTETS_MEDIA_TYPE;
  if (data === '-' || data === '@-') return { type, bytes: terminal.input() };
  if (!data.startsWith('@')) return { type, bytes: iterate(Buffer.from(data)) };
  const path = readableFile(`--data-binary ${data}`, data.slice(1));
  return { type, bytes: createReadStream(path) as AsyncIterable<Uint8Array> };
}

async function* iterate(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function readData(data: string | undefined, terminal: Terminal): Promise<string | undefined> {
  if (data === '-' || data === '@-') return new TextDecoder().decode(await readInput(terminal));
  if (!data?.startsWith('@')) return data;
  try {
    return readFileSync(data.slice(1), 'utf8');
  } catch (error) {
    throw new UsageError(`-d ${data}: ${(error as Error).message}`);
  }
}

/** The kinds of key, by preference. */
export function readKinds(text: string): KeyKind[] {
  return text.split(',').map((name) => {
    const found = KEY_KINDS.find((kind) => kind.toLowerCase() === name.trim().toLowerCase());
    if (!found) throw new UsageError(`--kind takes one or more of ${KEY_KINDS.join(', ')}, separated by commas`);
    return found;
  });
}
