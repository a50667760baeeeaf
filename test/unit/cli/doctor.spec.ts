import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Sse, type MessageEvent } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { interval, map, take, timer, type Observable } from 'rxjs';
import { WebSocket } from 'ws';
import { CATALOGUE, type FindingId } from '../../../src/cli/doctor/catalogue.js';
import { doctor, readDoctor } from '../../../src/cli/doctor/doctor.js';
import type { Finding } from '../../../src/cli/doctor/finding.js';
import { generateKeys } from '../../../src/cli/keygen.js';
import type { Terminal } from '../../../src/cli/terminal.js';
import { Encrypted, type ReplayGuard } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { onEachPlatform, PLATFORMS, TestApp, type Setup } from '../../integration/e2e/support/apps.js';
import { makeCertificate } from './support/certificate.js';
import { useCommandLine } from './support/command.js';
import { WrongProxy, type Wrong } from './support/wrong-proxy.js';

const ORIGIN = 'https://app.example.com';
const KEYS = generateKeys('Ed25519');

@Encrypted()
@Controller()
class StreamController {
  @Sse('events')
  events(): Observable<MessageEvent> {
    return timer(0, 250).pipe(
      take(4),
      map((n) => ({ data: { n } })),
    );
  }
  @Sse('endless')
  endless(): Observable<MessageEvent> {
    return interval(100).pipe(map((n) => ({ data: { n } })));
  }
  @Get('notes')
  notes(): object {
    return [];
  }
}

@Encrypted()
@WebSocketGateway({ path: '/live' })
class LiveGateway {}

/** Of a store that forgets: every copy is new to it. */
const forgetful: ReplayGuard = { open: () => undefined, claim: () => 'new', close: () => undefined };

const CORS = {
  origin: ORIGIN,
  credentials: true,
  methods: ['GET', 'POST'],
  allowedHeaders: ['content-type', 'e2e-request'],
};
const setup = (e2e: Exclude<Setup['e2e'], false | undefined> = {}, cors: object = CORS): Setup => ({
  controllers: [StreamController],
  providers: [LiveGateway],
  // A slow machine is no finding.
  e2e: { storeTimeout: 30_000, ...e2e },
  configure: (nest) => {
    nest.enableCors(cors);
    nest.useWebSocketAdapter(new E2eWsAdapter(nest));
  },
});
/** The applications, each started once. */
const SETUPS = {
  plain: setup(),
  other: setup(),
  proving: setup({ identityKey: KEYS.identityKey }),
  cookieless: setup({ session: 'channel' }),
  choosy: setup({ keyKinds: ['P-256'] }),
  forgetful: setup({ replayGuard: forgetful }),
  'without credentials': setup({}, { ...CORS, credentials: false }),
  'without headers': setup({}, { ...CORS, allowedHeaders: ['accept'] }),
} as const;

interface Row {
  readonly name: string;
  /** The application, or two of them by turns. */
  readonly app?: readonly (keyof typeof SETUPS)[];
  readonly wrong?: Wrong;
  readonly args?: readonly string[];
  /** Under which path of the proxy the application is. */
  readonly prefix?: string;
  /** Findings that this makes, and none but these: beside those of level `ok`, and that there is no identity key. */
  readonly found: readonly FindingId[];
  /** Some of those. */
  readonly fine?: readonly FindingId[];
}

const isHandshake = ({ url = '' }: IncomingMessage): boolean => url.endsWith('/handshake');
const isCall = (request: IncomingMessage): boolean => !isHandshake(request);
const lengthOf = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? 0);
const page = (status: number, when: (request: IncomingMessage) => boolean): Wrong => ({
  answer: (request, response) => {
    if (!when(request)) return false;
    response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>from in between</h1>');
    return true;
  },
});
const breaks = (when: (request: IncomingMessage) => boolean): Wrong => ({
  answer: (request, response) => when(request) && Boolean(response.destroy()),
});
let kept: { status: number; type: string; body: Buffer } | undefined;

const ROWS: readonly Row[] = [
  {
    name: 'nothing wrong',
    args: ['--stream', 'events', '--socket', 'live', '--origin', ORIGIN, '--kind', 'RSA,X25519,MLKEM768-X25519'],
    found: [],
    fine: [
      'identity-missing',
      'handshake-ok',
      'clock-ok',
      'cookie-ok',
      'http-ok',
      'cors-ok',
      'round-trip-ok',
      'compression-ok',
      'servers-ok',
      'replay-ok',
      'path-encoding-ok',
      'headers-ok',
      'body-limit-ok',
      'upload-ok',
      'stream-ok',
      'socket-ok',
    ],
  },
  { name: 'an identity key and no pin', app: ['proving'], found: ['identity-unpinned'] },
  {
    name: 'an identity key and its pin',
    app: ['proving'],
    args: ['--identity-key', KEYS.thumbprint],
    found: [],
    fine: ['identity-proved'],
  },
  {
    name: 'an identity key and another pin',
    app: ['proving'],
    args: ['--identity-key', generateKeys('Ed25519').thumbprint],
    found: ['identity-rejected'],
  },
  { name: 'a pin, and no identity key', args: ['--identity-key', 'A'.repeat(43)], found: ['identity-rejected'] },
  { name: 'another path', args: ['--path', 'elsewhere'], found: ['handshake-missing'] },
  { name: 'a bad gateway', wrong: page(502, isHandshake), found: ['handshake-failed'] },
  {
    name: 'no Content-Type',
    wrong: { response: (headers) => delete headers['content-type'] },
    found: ['content-type-changed'],
  },
  {
    name: 'a kind that the server does not accept',
    app: ['choosy'],
    args: ['--kind', 'X25519,P-256', '--socket', 'live'],
    found: ['kind-rejected'],
    fine: ['handshake-ok', 'socket-ok'],
  },
  {
    name: 'a firewall that rejects long keys',
    args: ['--kind', 'X25519,MLKEM768-X25519'],
    wrong: page(403, (request) => isHandshake(request) && lengthOf(request) > 1000),
    found: ['kind-failed'],
  },
  { name: 'sessions without cookies', app: ['cookieless'], found: ['cookie-missing'] },
  {
    name: 'a proxy that removes Set-Cookie',
    wrong: { response: (headers) => delete headers['set-cookie'] },
    found: ['cookie-missing', 'session-lost'],
  },
  {
    name: 'a cookie without its flags, for another path',
    wrong: {
      response: (headers) => {
        const cookies = headers['set-cookie'] as string[] | undefined;
        if (cookies) headers['set-cookie'] = cookies.map((cookie) => `${cookie.split(';')[0]}; Path=/admin`);
      },
    },
    found: ['cookie-wrong'],
  },
  {
    name: 'HTTP/1.0 to the outside',
    wrong: { isOld: true },
    found: ['http-old'],
  },
  {
    name: 'CORS for another origin',
    args: ['--origin', 'https://other.example.com'],
    found: ['cors-refused'],
  },
  {
    name: 'CORS without credentials',
    app: ['without credentials'],
    args: ['--origin', ORIGIN],
    found: ['cors-refused'],
  },
  {
    name: 'CORS without the headers',
    app: ['without headers'],
    args: ['--origin', ORIGIN],
    found: ['cors-refused'],
  },
  {
    name: 'preflights that nobody answers',
    args: ['--origin', ORIGIN],
    wrong: breaks(({ method }) => method === 'OPTIONS'),
    found: ['cors-refused'],
  },
  {
    name: 'a prefix that is removed',
    prefix: '/api',
    wrong: { request: (sent) => (sent.path = sent.path.replace(/^\/api/, '')) },
    found: ['path-changed'],
  },
  {
    name: 'cookies that do not come back',
    wrong: { request: ({ headers }) => delete headers.cookie },
    found: ['session-lost'],
  },
  {
    name: 'connections that break',
    wrong: breaks(isCall),
    found: ['round-trip-failed'],
  },
  { name: 'a login page', wrong: page(200, isCall), found: ['round-trip-plain'] },
  { name: 'pages for errors', wrong: page(404, isCall), found: ['error-pages'] },
  {
    name: 'short headers',
    wrong: page(431, ({ headers }) => JSON.stringify(headers).length > 2_500),
    found: ['headers-refused'],
  },
  {
    name: 'compression',
    wrong: {
      body: (bytes) => gzipSync(bytes),
      response: (headers) => (headers['content-encoding'] = 'gzip'),
    },
    found: ['compression-on'],
  },
  {
    name: 'a cache',
    wrong: {
      answer: (request, response) => {
        if (isHandshake(request) || !kept) return false;
        response.writeHead(kept.status, { 'content-type': kept.type }).end(kept.body);
        return true;
      },
      body: (body, status) => {
        if (status === 404) kept = { status, type: 'application/jose', body };
        return body;
      },
    },
    found: ['cache-kept'],
  },
  {
    name: 'a cache that says so',
    wrong: { response: (headers, status) => status === 404 && (headers.age = '10') },
    found: ['cache-kept'],
  },
  { name: 'a store that forgets', app: ['forgetful'], found: ['replay-accepted'] },
  {
    name: 'paths that are decoded',
    wrong: { request: (sent) => (sent.path = sent.path.replace('%2F', '/')) },
    found: ['path-encoding-changed'],
  },
  {
    name: 'small bodies',
    wrong: page(413, (request) => lengthOf(request) > 70_000),
    found: ['body-limit-low'],
  },
  {
    name: 'large bodies that break',
    wrong: breaks((request) => lengthOf(request) > 200_000),
    found: ['body-limit-unknown'],
  },
  { name: 'uploads that are collected', wrong: { collectsRequests: true }, found: ['upload-held'] },
  {
    name: 'plain bodies that break',
    wrong: breaks(({ headers }) => headers['content-type'] === 'application/octet-stream'),
    found: ['upload-unknown'],
  },
  {
    name: 'a stream that is not there',
    args: ['--stream', 'nothing'],
    found: ['stream-refused'],
  },
  {
    name: 'streams that are collected',
    args: ['--stream', 'events'],
    wrong: { collectsResponses: true },
    found: ['stream-at-once'],
  },
  {
    name: 'endless streams that are collected',
    args: ['--stream', 'endless', '--timeout', '4'],
    wrong: { collectsResponses: true },
    found: ['stream-held'],
  },
  {
    name: 'streams that are cut',
    args: ['--stream', 'endless'],
    wrong: { cutsAfter: 400 },
    found: ['stream-broken'],
  },
  {
    name: 'no upgrades',
    args: ['--socket', 'live'],
    wrong: { withoutUpgrades: true },
    found: ['socket-failed'],
  },
];

const produced = new Set<FindingId>();

onEachPlatform('doctor', (platform) => {
  const apps = new Map<string, TestApp>();
  const urlOf = async (name: keyof typeof SETUPS): Promise<string> => {
    if (!apps.has(name)) apps.set(name, await TestApp.start(platform, SETUPS[name]));
    return apps.get(name)!.url;
  };
  afterAll(() => Promise.all([...apps.values()].map((app) => app.close())));

  const behind = async <T>(row: Pick<Row, 'app' | 'wrong'>, use: (url: string) => Promise<T>): Promise<T> => {
    kept = undefined;
    const urls: string[] = [];
    for (const name of row.app ?? ['plain']) urls.push(await urlOf(name));
    const proxy = await WrongProxy.before(urls, row.wrong ?? {});
    try {
      return await use(proxy.url);
    } finally {
      await proxy.close();
    }
  };
  const note = (findings: readonly Finding[]) => {
    for (const { id } of findings) produced.add(id);
    // Each line but the good ones says what to do.
    expect(findings.filter(({ level, fix = '' }) => level !== 'ok' && fix.length < 20)).toEqual([]);
    return findings.filter(({ id, level }) => level !== 'ok' && id !== 'identity-missing').map(({ id }) => id);
  };

  // A proxy that is wrong is so before both platforms; what each answers to half of a body, and by itself, is its own.
  const isOfPlatform = ({ wrong = {} }: Row): boolean =>
    Object.keys(wrong).every((name) => name === 'collectsRequests');

  it.each(ROWS.filter((row) => platform === 'express' || isOfPlatform(row)))('finds $found with $name', async (row) => {
    const { code, findings } = await behind(row, (url) => examine(url + (row.prefix ?? ''), row.args));
    const noted = note(findings);
    // What else it found says why.
    expect(noted.join() === row.found.join() ? noted : findings).toEqual(row.found);
    const ids = findings.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([...(row.fine ?? [])]));
    const faults = row.found.filter((id) => ['warning', 'failed'].includes(CATALOGUE[id].level));
    expect(code).toBe(faults.length > 0 ? 2 : 0);
  });

  it('finds servers that share nothing, whichever of them gets the calls', async () => {
    for (const app of [
      ['plain', 'other'],
      ['plain', 'plain', 'plain', 'other', 'other'],
    ] as const) {
      const { findings } = await behind({ app }, (url) => examine(url));
      // Where each second handshake meets the wrong server, too, even the first call fails.
      expect(['servers-apart', 'session-lost']).toContain(note(findings).join());
    }
  });

  it('finds a server that fails now and then', async () => {
    let calls = 0;
    const wrong = page(503, (request) => isCall(request) && ++calls > 3);
    const { findings } = await behind({ wrong }, (url) => examine(url));
    expect(note(findings)).toEqual(['servers-failed']);
  });

  if (platform === 'express') {
    it('finds that nobody responds', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      expect(note((await examine(`http://127.0.0.1:${port}`)).findings)).toEqual(['connection-failed']);
    });

    describe('as a process of its own', () => {
      const command = useCommandLine();
      const run = async (url: string, env: NodeJS.ProcessEnv, kinds = 'X25519'): Promise<FindingId[]> => {
        const { out, err } = await command.run(['doctor', url, '--json', '--kind', kinds], '', env);
        expect(err).toBe('');
        return note((JSON.parse(out) as { findings: Finding[] }).findings);
      };
      const preloaded = (code: string) => ({
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
      });
      const tls = makeCertificate();
      const trusted = { NODE_EXTRA_CA_CERTS: join(command.folder, 'ca.pem') };
      beforeAll(() => writeFileSync(trusted.NODE_EXTRA_CA_CERTS, tls.cert));

      it('finds clocks that disagree', async () => {
        const wrongClock = preloaded('const now = Date.now; Date.now = () => now() + 90_000');
        expect(await behind({}, (url) => run(url, wrongClock))).toEqual(['clock-wrong']);
      });

      it('finds a kind that this Node does not support', async () => {
        const old = preloaded(
          'const { subtle } = crypto; const make = subtle.generateKey; subtle.generateKey = async function (a, ...more) {' +
            ' if (a.name === "X25519") throw new DOMException("unknown", "NotSupportedError");' +
            ' return make.call(this, a, ...more); }',
        );
        const found = await behind({}, (url) => run(url, old, 'X25519,P-256'));
        expect(found).toEqual(['kind-unsupported']);
      });

      it.each([
        ['HTTP/2', true, ['cookie-wrong']],
        ['HTTP/1.1 alone', false, ['cookie-wrong', 'http-without-2']],
      ])('finds a cookie that is not Secure behind TLS with %s', async (_, http2, found) => {
        expect(await behind({ wrong: { tls: { ...tls, http2 } } }, (url) => run(url, trusted))).toEqual(found);
      });
    });
  }
});

describe('the tests of doctor', () => {
  it(`produce each of its findings (${PLATFORMS.join(', ')})`, () => {
    expect(Object.keys(CATALOGUE).filter((id) => !produced.has(id as FindingId))).toEqual([]);
  });

  it('produce each of its checks, as the documentation lists them', () => {
    const checks = new Set(Object.values(CATALOGUE).map(({ check }) => check));
    expect([...checks].sort()).toEqual(documentedChecks().sort());
  });
});

it('doctor waits whole milliseconds, since timers of Node take no others', () => {
  expect(readDoctor(['http://localhost', '--timeout', '0.0123']).request.timeout).toBe(13);
});

async function examine(url: string, args: readonly string[] = []): Promise<{ code: number; findings: Finding[] }> {
  let output = '';
  const terminal = {
    out: (text: string) => (output += text),
    isTerminal: { out: false, err: false },
    colours: false,
  } as unknown as Terminal;
  const kind = args.includes('--kind') ? [] : ['--kind', 'X25519'];
  const timeout = args.includes('--timeout') ? [] : ['--timeout', '30'];
  const code = await doctor([url, '--json', ...kind, ...timeout, ...args], terminal, () => WebSocket);
  return { code, findings: (JSON.parse(output) as { findings: Finding[] }).findings };
}

/** The first column of the table in docs/command-line.md. */
function documentedChecks(): string[] {
  const page = readFileSync(new URL('../../../docs/command-line.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('## Checking a deployment');
  return [...section.split('\n## ')[0]!.matchAll(/^\| `([\w-]+)` +\|/gm)].map(([, name]) => name!);
}
