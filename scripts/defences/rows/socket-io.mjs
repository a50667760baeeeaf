// Sockets of socket.io (PROTOCOL §7).
import { row } from '../row.mjs';

const GATEWAYS = 'test/integration/socket.io/gateways.spec.ts';
const REFUSALS = 'test/integration/socket.io/refusals.spec.ts';
const ENDS = 'test/integration/socket.io/ends.spec.ts';
const AT_START = 'test/integration/module/socket-io.spec.ts';
const ENGINE = 'src/socket.io/sealed-engine.ts';
const ADAPTER = 'src/socket.io/e2e-io.adapter.ts';

export const socketIo = [
  row("socket.io's broadcasts are sealed", GATEWAYS, 'express.*sends nothing in the clear on the wire: all', [
    'src/sockets/sealed-socket.ts',
    'get readyState()',
    'get _sender() { return (this.#raw as unknown as { _sender: unknown })._sender; }\n    get readyState()',
  ]),
  row('there is no polling beside sealed sockets of socket.io', REFUSALS, 'express.*plain HTTP at its path', [
    'src/nest/routes/gateway-table.ts',
    'return this.#taken.some((each) => this.#takes(each, path));',
    'return this.#taken.includes(path);',
  ]),
  row('there is no polling at a port of a gateway’s own', REFUSALS, 'express.*at a port of its own', [
    ENGINE,
    'engine.handleRequest = answerPlain;',
    '',
  ]),
  row('a connection of engine.io is its own', REFUSALS, 'express.*go on with the connection', [
    ENGINE,
    ' && sid === undefined',
    '',
  ]),
  row('what waits in engine.io for a slow reader is bounded', REFUSALS, 'express.*reads too slowly', [
    ENGINE,
    'if (held + websocket.bufferedAmount > maxBuffered) websocket.terminate();',
    '',
  ]),
  row('a client of socket.io does not connect again by itself after a logout', ENDS, 'express.*module by every way', [
    ENGINE,
    'each.disconnect();',
    '',
  ]),
  row('a listener that throws keeps no connection after a logout', ENDS, 'express.*module where listeners', [
    ENGINE,
    'thrown.push(error);',
    'throw error;',
  ]),
  row('a listener that throws keeps no other stream of the session', ENDS, 'express.*module where listeners', [
    'src/nest/keys/running-streams.ts',
    "this.parts.log.say('error', THROWN);",
    'throw new Error(THROWN);',
  ]),
  row('a listener that threw is not called again', ENDS, 'express.*module where listeners', [
    ENGINE,
    "each.removeAllListeners('disconnecting');",
    '',
  ]),
  row('socket.io gives nothing of an earlier session back', AT_START, 'with connectionStateRecovery', [
    ADAPTER,
    "connectionStateRecovery:\n    'whoever",
    "serveClient:\n    'whoever",
  ]),
  row('a sealed server has its path to itself', AT_START, 'below the path', [
    ADAPTER,
    'takesBelow: true',
    'takesBelow: false',
  ]),
  row('an adapter that extends E2eIoAdapter seals, too', AT_START, 'made elsewhere', [
    ADAPTER,
    '&& !isSealed',
    '&& false',
  ]),
];
