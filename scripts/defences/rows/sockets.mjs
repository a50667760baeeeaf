// Sockets (PROTOCOL §7).
import { row } from '../row.mjs';

const MESSAGES = 'test/unit/protocol/socket.spec.ts';

const REFUSALS = 'test/integration/sockets/refusals.spec.ts';
const ENDS = 'test/integration/sockets/ends.spec.ts';
const GATEWAYS = 'test/integration/sockets/gateways.spec.ts';
const CLIENT = 'test/integration/sockets/client.spec.ts';
const BOUNDS = 'test/integration/sockets/bounds.spec.ts';
const EVENTS = 'test/integration/sockets/events.spec.ts';
const PROXY = 'test/security/attack/proxy.spec.ts';
const TUNNEL = 'test/integration/sockets/tunnel.spec.ts';
const AT_START = 'test/integration/module/websockets.spec.ts';

export const sockets = [
  row("a socket's message has one of four kinds", MESSAGES, 'knows the kinds', [
    'src/protocol/socket.ts',
    'kind > SOCKET_KIND.text || ',
    '',
  ]),
  row("a socket's messages are no longer than the limit", MESSAGES, 'to the client is broken with a message over', [
    'src/protocol/socket.ts',
    'length > this.#limit || ',
    '',
  ]),
  row("a socket's text is UTF-8", MESSAGES, 'to the server is broken with a text', [
    'src/protocol/socket.ts',
    "  } catch {\n    throw new StreamError('stream-broken');\n  }",
    "  } catch {\n    return '';\n  }",
  ]),
  row("a socket's message opens before it is handed over", MESSAGES, 'to the server is broken with any one bit', [
    'src/channel/sockets.ts',
    "if (!plaintext) throw new StreamError('stream-broken');\n    return this.#reader.accept(kind, plaintext);",
    'return this.#reader.accept(kind, plaintext ?? ciphertext);',
  ]),
  row("a socket's end has a code that an end may have", MESSAGES, 'takes no end that', [
    'src/protocol/socket.ts',
    '|| !isSocketEndCode(code)) throw new StreamError',
    ') throw new StreamError',
  ]),
  row('a sealed gateway takes sealed sockets alone', REFUSALS, 'express.*an upgrade that asks', [
    'src/sockets/sealed-server.ts',
    "if (request.headers['sec-websocket-protocol']?.trim() !== SOCKET_SUBPROTOCOL) refuseUpgrade(socket, SEALED_ONLY);\n      else ",
    '',
  ]),
  row('nobody sees a socket before its head has passed', REFUSALS, 'express.*nobody saw before', [
    'src/sockets/sealed-server.ts',
    'this.#server.clients?.delete(raw);',
    '',
  ]),
  row('waiting sockets are bounded for each address', REFUSALS, 'express.*too many wait', [
    'src/sockets/waiting-sockets.ts',
    '> maxWaitingPerAddress;',
    '> Infinity;',
  ]),
  row("a sealed gateway's path answers no plain HTTP", REFUSALS, 'express.*plain HTTP at its path', [
    'src/nest/exchange/path-gate.ts',
    '!(state.isSealedPath || this.gateways.takes(target))',
    '!state.isSealedPath',
  ]),
  row('a socket ends with its session', ENDS, 'express.*by every way', [
    'src/sockets/sealed-socket.ts',
    '() => this.#link.supersede(cause)',
    '() => undefined',
  ]),
  row('what comes after an end is discarded', ENDS, 'express.*discards what comes', [
    'src/sockets/socket-link.ts',
    'else if (this.#state === this.#raw.OPEN) this.#events',
    'else this.#events',
  ]),
  row('a slow reader is cut off', ENDS, 'express.*reads too slowly', [
    'src/sockets/socket-link.ts',
    'this.#raw.bufferedAmount > this.#limits.maxBuffered',
    'this.#raw.bufferedAmount > Infinity',
  ]),
  row("a socket's pings carry no data", GATEWAYS, 'express.*writes past the frames', [
    'src/sockets/sealed-socket.ts',
    'this.#raw.ping(NO_BYTES,',
    'this.#raw.ping(given[0],',
  ]),
  row('a sealed gateway shares its sockets with no plain one', AT_START, 'where it shares', [
    'src/nest/routes/gateway-table.ts',
    'if (sealed && plain) throw new Error(shared(sealed, plain, this.#paths?.why));',
    '',
  ]),
  row('no head is sent again after the first one’s channel has ended', CLIENT, 'express.*channel ends during', [
    'src/client/channel/attempts.ts',
    'if (firstChannel.isExpired) {',
    'if (!firstChannel) {',
  ]),
  row('waiting sockets are bounded in all', BOUNDS, 'express.*sockets that wait', [
    'src/sockets/waiting-sockets.ts',
    'this.#places.size <= maxWaiting',
    'this.#places.size <= Infinity',
  ]),
  row('a direction of a socket that is full is ended', BOUNDS, 'express.*a direction that is full', [
    'src/sockets/socket-link.ts',
    'isTooBig || !sealer.hasRoomFor(plaintext.length)',
    'isTooBig',
  ]),
  row('a client ends a direction that is full', BOUNDS, 'express.*the client ends with 1013', [
    'src/client/socket/stream.ts',
    'if (!this.#sealer.hasRoomFor(length)) return',
    'if (!this.#sealer) return',
  ]),
  row('a client takes no message over its limit', BOUNDS, 'express.*takes messages of maxResponseSize', [
    'src/client/socket/connection.ts',
    'new SocketOpener(await opened.streamKey(), settings.maxResponseSize)',
    'new SocketOpener(await opened.streamKey(), Infinity)',
  ]),
  row('a full direction takes no more of a client', BOUNDS, 'express.*a direction that is full', [
    'src/protocol/socket.ts',
    'isData ? this.#meter.hasRoomFor(length) : number < MAX_FRAMES',
    'number < MAX_FRAMES',
  ]),
  row("an adapter's bounds are checked at start", BOUNDS, 'express.*are checked at start', [
    'src/sockets/adapter-support.ts',
    'checkValues(options, RULES, { owner: adapter.constructor.name });',
    '',
  ]),
  row('a head moved to another socket opens nothing', PROXY, 'express.*moves a head', [
    'src/nest/exchange/message-opening.ts',
    'target: keys.options.publicPath + target,',
    "target: '/bank/live',",
  ]),
  row('the counters say why a socket ended', EVENTS, 'express.*session, with a logout', [
    'src/sockets/socket-link.ts',
    'this.#cause ??= cause;\n    this.#state = this.#raw.CLOSING;\n    this.#raw.send',
    'this.#state = this.#raw.CLOSING;\n    this.#raw.send',
  ]),
  row('a listener for upgrades that throws ends no process', TUNNEL, 'express.*and throws', [
    'src/ws/inner-socket.ts',
    '.catch(() => own.destroy());',
    ';',
  ]),
  row(
    'the socket of a request under a sealed path is not the client’s',
    TUNNEL,
    'express.*writes to the socket of its',
    ['src/ws/inner-socket.ts', '{ socket: shown, client: shown }', '{ client: shown }'],
  ),
  row(
    'the client of a request under a sealed path is not the client’s socket either',
    TUNNEL,
    'express.*writes to the socket of its',
    ['src/ws/inner-socket.ts', '{ socket: shown, client: shown }', '{ socket: shown }'],
  ),
  row('a socket waits ten seconds for the application', TUNNEL, 'express.*ten seconds.*nothing', [
    'src/ws/inner-socket.ts',
    'setTimeout(end, SOCKET_PATIENCE_MS)',
    'setTimeout(end, 1e9)',
  ]),
  row('the application hears of a client that leaves before it answers', TUNNEL, 'express.*leaves before its answer', [
    'src/ws/inner-socket.ts',
    "outer.once('close', end);",
    '',
  ]),
  row('the application is asked for no socket of a client that has gone', TUNNEL, 'where the client has gone', [
    'src/ws/inner-socket.ts',
    'if (outer.destroyed) end();',
    '',
  ]),
  row('a waiting socket sends no more than a head has', REFUSALS, 'express.*longer than any head', [
    'src/sockets/waiting-sockets.ts',
    'unread > MAX_UNREAD_BYTES',
    'unread > Infinity',
  ]),
  row('a socket that was refused is gone a second later', REFUSALS, 'express.*for good, a second later', [
    'src/sockets/sealed-server.ts',
    'setTimeout(() => raw.terminate(), REFUSED_MS)',
    'setTimeout(() => raw.terminate(), 1e9)',
  ]),
];
