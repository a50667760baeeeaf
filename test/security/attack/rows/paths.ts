import { expect } from '@jest/globals';
import { connect } from 'node:net';
import { SECRET_BALANCE } from '../support/bank.js';
import { type Harness } from '../support/harness.js';
import type { Row } from './row.js';

const SPELLINGS = [
  '/vault',
  '/vault/',
  '/vault/x?y',
  '/VAULT',
  '//vault',
  '/%76ault',
  '/%2576ault',
  '/x/../vault',
  '/vault/../vault',
  '/vault;x',
  'http://host/vault',
  '/vault/e2e/handshake',
];

/** What the server says to these very lines. */
function say(harness: Harness, lines: readonly string[], body = ''): Promise<string> {
  const { port } = new URL(harness.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write([...lines, 'Host: x', `Cookie: ${harness.cookie}`, '', body].join('\r\n'));
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('\r\n\r\n')) socket.end();
    });
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}

export const pathRows: readonly Row[] = [
  {
    attack: 'asks a sealed path in the clear, with the cookie, in every way to write the path',
    outcome: '`message-required`; no handler, router or library under the path receives it',
    run: async (harness) => {
      await harness.client().fetch('vault');
      harness.calls.length = 0;
      for (const target of SPELLINGS) {
        for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
          const head = [`${method} ${target} HTTP/1.1`, 'Content-Type: application/json', 'Content-Length: 2'];
          const answer = await say(harness, head, '{}');
          expect([target, method, answer.includes('message-required')]).toEqual([target, method, true]);
        }
      }
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'sends a preflight request with a body under a sealed path',
    outcome: 'no handler, router or library under the path receives it',
    run: async (harness) => {
      await harness.client().fetch('vault');
      harness.calls.length = 0;
      const head = ['OPTIONS /vault HTTP/1.1', 'Origin: https://a.example', 'Access-Control-Request-Method: POST'];
      const answer = await say(harness, [...head, 'Content-Type: application/json', 'Content-Length: 2'], '{}');
      expect(answer).not.toContain(SECRET_BALANCE);
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'moves a message for one sealed path, or for a route, to another sealed path',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const channel = await harness.attacker().handshake('X25519');
      for (const target of ['/bank/bound', '/vault/x']) {
        const { jwe } = channel.message('GET', target);
        const reply = await channel.visitor.send({ target: '/vault', headers: { 'E2e-Request': jwe } });
        expect([reply.status, reply.body.includes('message-rejected')]).toEqual([400, true]);
      }
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'asks for a plain socket under a sealed path',
    outcome: 'rejected with HTTP 400, for every library that handles upgrades',
    run: async (harness) => {
      await harness.client().fetch('vault');
      for (const protocol of ['graphql-transport-ws', 'e2e.1, graphql-transport-ws', 'e2e.2']) {
        for (const target of SPELLINGS) {
          const head = [
            `GET ${target} HTTP/1.1`,
            'Upgrade: websocket',
            'Connection: Upgrade',
            'Sec-WebSocket-Version: 13',
          ];
          const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
          const answer = await say(harness, [...head, key, `Sec-WebSocket-Protocol: ${protocol}`]);
          expect([target, answer.split('\r\n', 1)[0]]).toEqual([target, 'HTTP/1.1 400 Bad Request']);
        }
      }
    },
  },
];
