import { expect, it } from '@jest/globals';
import { WebSocket as OfLibrary } from 'ws';
import { tapSockets } from '../../../src/cli/socket-tap.js';
import { socketArguments } from '../../../src/client/socket/arguments.js';
import { SOCKET_KIND } from '../../../src/protocol/socket.js';

it('gives headers to a class as that class takes them', () => {
  const protocols = ['e2e.1'];
  const headers = { cookie: 'sid=1' };
  // Node 20 has none of its own.
  class Own extends EventTarget {}
  Object.assign(globalThis, { WebSocket: Own });
  class Extended extends Own {}
  class OtherExtended extends OfLibrary {}
  for (const Class of [Own, Extended]) {
    expect(socketArguments(Class, protocols, headers.cookie)).toEqual([{ protocols, headers }]);
  }
  for (const Class of [OfLibrary, OtherExtended]) {
    expect(socketArguments(Class, protocols, headers.cookie)).toEqual([protocols, { headers }]);
  }
  expect(socketArguments(Own, protocols, undefined)).toEqual([protocols]);
});

it('tells the end from a side that gave up', () => {
  const shown: unknown[] = [];
  class Silent extends EventTarget {
    send(): void {
      // It has no wire.
    }
  }
  const tap = tapSockets(Silent, {
    cookies: undefined,
    show: (arrow, _, plain) => shown.push(`${arrow} ${plain}`),
  });
  const socket = new tap.WebSocket('ws://a', []) as EventTarget & { send(data: Uint8Array): void };
  tap.sent.push('hello');
  for (const kind of [SOCKET_KIND.text, SOCKET_KIND.end, SOCKET_KIND.failed]) {
    socket.send(Uint8Array.of(kind));
    socket.dispatchEvent(new MessageEvent('message', { data: Uint8Array.of(kind).buffer }));
  }
  tap.received('hello');
  expect(shown).toEqual(['> hello', '> the end', '< the end', '> that it gave up', '< that it gave up', '< hello']);
});
