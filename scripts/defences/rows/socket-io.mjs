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
  row('polling is off next to sealed sockets of socket.io', REFUSALS, 'express.*plain HTTP at its path', [
    'src/nest/routes/gateway-table.ts',
    'return this.#taken.some((each) => this.#takes(each, path));',
    'return this.#taken.includes(path);',
  ]),
  row("polling is off on a gateway's own port", REFUSALS, 'express.*at a port of its own', [
    ENGINE,
    'engine.handleRequest = answerPlain;',
    '',
  ]),
  row('an engine.io connection cannot be resumed by another request', REFUSALS, 'express.*go on with the connection', [
    ENGINE,
    ' && sid === undefined',
    '',
  ]),
  row('the buffer of engine.io for a slow reader is limited', REFUSALS, 'express.*reads too slowly', [
    ENGINE,
    'if (held + websocket.bufferedAmount > maxBuffered) websocket.terminate();',
    '',
  ]),
  row('a client of socket.io does not reconnect after a logout', ENDS, 'express.*module by every way', [
    ENGINE,
    'each.disconnect();',
    '',
  ]),
  row('a throwing listener does not keep a connection open after a logout', ENDS, 'express.*module where listeners', [
    ENGINE,
    'thrown.push(error);',
    'throw error;',
  ]),
  row('a throwing listener does not keep other streams of the session open', ENDS, 'express.*module where listeners', [
    'src/nest/keys/running-streams.ts',
    "this.#log.say('error', THROWN);",
    'throw new Error(THROWN);',
  ]),
  row('a listener that threw is not called again', ENDS, 'express.*module where listeners', [
    ENGINE,
    "each.removeAllListeners('disconnecting');",
    '',
  ]),
  row('socket.io restores nothing from an earlier session', AT_START, 'with connectionStateRecovery', [
    ADAPTER,
    "connectionStateRecovery:\n    'whoever",
    "serveClient:\n    'whoever",
  ]),
  row('a sealed server shares its path with no other server', AT_START, 'below the path', [
    ADAPTER,
    'takesBelow: true',
    'takesBelow: false',
  ]),
  row('an adapter that extends E2eIoAdapter also seals', AT_START, 'made elsewhere', [
    ADAPTER,
    '&& !isSealed',
    '&& false',
  ]),
];
