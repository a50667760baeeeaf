import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Sse, type MessageEvent } from '@nestjs/common';
import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketGateway } from '@nestjs/websockets';
import { map, take, timer, type Observable } from 'rxjs';
import { WebSocket } from 'ws';
import { CATALOGUE, type FindingId } from '../../../src/cli/doctor/catalogue.js';
import { doctor } from '../../../src/cli/doctor/doctor.js';
import type { Finding } from '../../../src/cli/doctor/finding.js';
import type { Terminal } from '../../../src/cli/terminal.js';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { Nginx } from './support/nginx.js';

@Encrypted()
@Controller()
class EventController {
  @Sse('events')
  events(): Observable<MessageEvent> {
    return timer(0, 300).pipe(
      take(4),
      map((n) => ({ data: { n } })),
    );
  }

  @Get('notes')
  notes(): object {
    return [];
  }
}

@Encrypted()
@WebSocketGateway({ path: '/live' })
class LiveGateway {}

/** As the documentation has it; each row changes what a busy operator would. */
const UPGRADE =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";';
const RIGHT =
  'proxy_pass http://127.0.0.1:3000; proxy_set_header Host $host; client_max_body_size 20m; proxy_buffering off; ' +
  'proxy_request_buffering off;';
const at = (location: string, body: string, server = '') => `server { ${server} location ${location} { ${body} } }`;

interface Row {
  readonly name: string;
  readonly configuration: string;
  /** What is to be found, and nothing else. */
  readonly found: readonly FindingId[];
  /** The prefix of the URL. */
  readonly prefix?: string;
}

const CACHE = mkdtempSync(join(tmpdir(), 'doctor-cache-'));
chmodSync(CACHE, 0o777);

const ROWS: readonly Row[] = [
  { name: 'nothing wrong', configuration: at('/', RIGHT + UPGRADE), found: [] },
  {
    name: 'a prefix that is removed',
    configuration: at('/api/', `${RIGHT.replace(':3000;', ':3000/;')}${UPGRADE}`),
    found: ['path-changed'],
    prefix: '/api',
  },
  {
    name: 'paths that are decoded',
    configuration: at('/', `${RIGHT.replace(':3000;', ':3000/;')}${UPGRADE}`),
    found: ['path-encoding-changed'],
  },
  {
    name: 'compression',
    configuration: at('/', RIGHT + UPGRADE, 'gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;'),
    found: ['compression-on'],
  },
  {
    // nginx passes on what it has, with its buffers too: only what works on the bytes holds them back.
    name: 'responses that are buffered',
    configuration: at(
      '/',
      `${RIGHT.replace('proxy_buffering off;', 'proxy_ignore_headers X-Accel-Buffering;')}${UPGRADE}`,
    ),
    found: [],
  },
  {
    name: 'responses that are buffered, over HTTP/1.0 to the application',
    configuration: at(
      '/',
      `${RIGHT.replace('proxy_buffering off;', 'proxy_ignore_headers X-Accel-Buffering;')} proxy_http_version 1.0;`,
    ),
    found: ['stream-at-once', 'socket-failed'],
  },
  {
    name: 'requests that are buffered',
    configuration: at('/', RIGHT.replace('proxy_request_buffering off;', '') + UPGRADE),
    found: ['upload-held'],
  },
  {
    name: 'a timeout shorter than the pauses of a stream',
    configuration: at('/', RIGHT + UPGRADE, `location /events { ${RIGHT} proxy_read_timeout 100ms; }`),
    found: ['stream-broken'],
  },
  {
    name: 'small bodies',
    configuration: at('/', RIGHT.replace('20m', '1k') + UPGRADE),
    found: ['body-limit-low'],
  },
  {
    name: 'HTTP/1.0 to the application, without upgrades',
    configuration: at('/', `${RIGHT} proxy_http_version 1.0;`),
    found: ['socket-failed'],
  },
  {
    name: 'a cookie for another path, without its flags',
    configuration: at(
      '/',
      `${RIGHT}${UPGRADE} proxy_cookie_flags ~ nohttponly nosamesite; proxy_cookie_path / /admin;`,
    ),
    found: ['cookie-wrong'],
  },
  {
    name: 'a cookie without its flags',
    configuration: at('/', `${RIGHT}${UPGRADE} proxy_cookie_flags ~ nohttponly nosamesite;`),
    found: ['cookie-wrong'],
  },
  {
    name: 'small headers',
    configuration: at('/', RIGHT + UPGRADE, 'client_header_buffer_size 1k; large_client_header_buffers 4 2k;'),
    found: ['headers-refused'],
  },
  {
    name: 'a cache in front',
    configuration: `proxy_cache_path ${CACHE} keys_zone=doctor:1m; ${at(
      '/',
      `${RIGHT.replace('proxy_buffering off;', '')}${UPGRADE} proxy_cache doctor; proxy_cache_valid any 1m; proxy_cache_key $uri; proxy_ignore_headers Cache-Control Set-Cookie Expires Vary;`,
    )}`,
    found: ['cache-kept'],
  },
  {
    name: 'no Content-Type',
    configuration: at('/', `${RIGHT}${UPGRADE} proxy_hide_header Content-Type;`),
    found: ['content-type-changed'],
  },
  {
    name: 'error pages of its own',
    configuration: at(
      '/',
      `${RIGHT}${UPGRADE} proxy_intercept_errors on; error_page 404 = @missing;`,
      'location @missing { return 404 gone; }',
    ),
    found: ['error-pages'],
  },
];

describe('doctor, behind nginx', () => {
  const app = useApp('express', {
    controllers: [EventController],
    providers: [LiveGateway],
    configure: (nest) => void nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  let nginx: Nginx | undefined;

  afterAll(async () => {
    rmSync(CACHE, { recursive: true, force: true });
    await nginx?.stop();
  });

  async function examine(url: string): Promise<{ code: number; findings: readonly Finding[] }> {
    let output = '';
    const terminal = {
      out: (text: string) => (output += text),
      isTerminal: { out: false, err: false },
      colours: false,
    } as unknown as Terminal;
    const args = [url, '--json', '--stream', '/events', '--socket', '/live', '--timeout', '30'];
    const code = await doctor(args, terminal, () => WebSocket);
    return { code, findings: (JSON.parse(output) as { findings: Finding[] }).findings };
  }

  beforeAll(() => expect(app().url).toContain('127.0.0.1'));

  it.each(ROWS)('finds $found with $name', async ({ configuration, found, prefix = '' }) => {
    nginx = await Nginx.start(configuration, app().url);
    try {
      const { code, findings } = await examine(nginx.url + prefix);
      const seen = findings.filter(({ id, level }) => level !== 'ok' && id !== 'identity-missing');
      expect({ seen, found: seen.map(({ id }) => id) }).toEqual({ seen, found });
      const isFault = found.some((id) => CATALOGUE[id].level !== 'note');
      expect(code).toBe(isFault ? 2 : 0);
    } finally {
      await nginx.stop();
      nginx = undefined;
    }
  });
});
