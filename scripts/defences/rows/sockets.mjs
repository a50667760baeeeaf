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
  row("a socket's messages are limited in length", MESSAGES, 'to the client is broken with a message over', [
    'src/protocol/socket.ts',
    'length > this.#limit || ',
    '',
  ]),
  row("a socket's text is UTF-8", MESSAGES, 'to the server is broken with a text', [
    'src/protocol/socket.ts',
    "  } catch {\n    throw new StreamError('stream-broken');\n  }",
    "  } catch {\n    return '';\n  }",
  ]),
  row("a socket's message is delivered only after it opened", MESSAGES, 'to the server is broken with any one bit', [
    'src/channel/sockets.ts',
    "if (!plaintext) throw new StreamError('stream-broken');\n    return this.#reader.accept(kind, plaintext);",
    'return this.#reader.accept(kind, plaintext ?? ciphertext);',
  ]),
  row('a socket closes with a valid close code', MESSAGES, 'takes no end that', [
    'src/protocol/socket.ts',
    '|| !isSocketEndCode(code)) throw new StreamError',
    ') throw new StreamError',
  ]),
  row('a sealed gateway accepts only sealed sockets', REFUSALS, 'express.*an upgrade that asks', [
    'src/sockets/sealed-server.ts',
    "if (request.headers['sec-websocket-protocol']?.trim() !== SOCKET_SUBPROTOCOL) refuseUpgrade(socket, SEALED_ONLY);\n      else ",
    '',
  ]),
  row('the application sees a socket only after its head was accepted', REFUSALS, 'express.*nobody saw before', [
    'src/sockets/sealed-server.ts',
    'this.#server.clients?.delete(raw);',
    '',
  ]),
  row('the number of waiting sockets per address is limited', REFUSALS, 'express.*too many wait', [
    'src/sockets/waiting-sockets.ts',
    '> maxWaitingPerAddress;',
    '> Infinity;',
  ]),
  row("a sealed gateway's path rejects plain HTTP", REFUSALS, 'express.*plain HTTP at its path', [
    'src/nest/exchange/path-gate.ts',
    '!(state.isSealedPath || this.gateways.takes(target))',
    '!state.isSealedPath',
  ]),
  row('a socket ends with its session', ENDS, 'express.*by every way', [
    'src/sockets/sealed-socket.ts',
    '() => this.#link.supersede(cause)',
    '() => undefined',
  ]),
  row("messages after a socket's close are discarded", ENDS, 'express.*discards what comes', [
    'src/sockets/socket-link.ts',
    'else if (!this.#hasSentEnd) this.#events',
    'else this.#events',
  ]),
  row('a slow socket reader is disconnected', ENDS, 'express.*reads too slowly', [
    'src/sockets/socket-link.ts',
    'this.#raw.bufferedAmount > this.#limits.maxBuffered',
    'this.#raw.bufferedAmount > Infinity',
  ]),
  row('a client that only pings and does not read is disconnected', ENDS, 'express.*only pongs', [
    'src/sockets/sealed-socket.ts',
    'this.#link.checkBuffered();',
    '',
  ]),
  row("a socket's pings carry no data", GATEWAYS, 'express.*writes past the frames', [
    'src/sockets/sealed-socket.ts',
    'this.#raw.ping(NO_BYTES,',
    'this.#raw.ping(given[0],',
  ]),
  row('a sealed gateway shares no sockets with a plain one', AT_START, 'where it shares', [
    'src/nest/routes/gateway-table.ts',
    'if (sealed && plain) throw new Error(shared(sealed, plain, this.#paths?.why));',
    '',
  ]),
  row("a socket's head is not resent after its channel has ended", CLIENT, 'express.*channel ends during', [
    'src/client/channel/attempts.ts',
    'if (isPast || firstChannel.isExpired) {',
    'if (!firstChannel) {',
  ]),
  row('the total number of waiting sockets is limited', BOUNDS, 'express.*sockets that wait', [
    'src/sockets/waiting-sockets.ts',
    'this.#places.size <= maxWaiting',
    'this.#places.size <= Infinity',
  ]),
  row('a socket closes when one direction reaches its limit', BOUNDS, 'express.*a direction that is full', [
    'src/sockets/socket-link.ts',
    'isTooBig || !sealer.hasRoomFor(plaintext.length)',
    'isTooBig',
  ]),
  row('a client closes a socket when a direction reaches its limit', BOUNDS, 'express.*the client ends with 1013', [
    'src/client/socket/stream.ts',
    'if (!this.#sealer.hasRoomFor(length)) return',
    'if (!this.#sealer) return',
  ]),
  row('a client rejects socket messages over its limit', BOUNDS, 'express.*takes messages of maxResponseSize', [
    'src/client/socket/connection.ts',
    'new SocketOpener(await opened.streamKey(), settings.maxResponseSize)',
    'new SocketOpener(await opened.streamKey(), Infinity)',
  ]),
  row('a direction at its limit accepts no more messages', BOUNDS, 'express.*a direction that is full', [
    'src/protocol/socket.ts',
    'isData ? this.#meter.hasRoomFor(length) : number < MAX_FRAMES',
    'number < MAX_FRAMES',
  ]),
  row("an adapter's limits are checked at start", BOUNDS, 'express.*are checked at start', [
    'src/sockets/adapter-support.ts',
    'checkValues(options, RULES, { owner: adapter.constructor.name });',
    '',
  ]),
  row('a head that is moved to another socket does not open', PROXY, 'express.*moves a head', [
    'src/nest/exchange/message-opening.ts',
    'target: keys.options.publicPath + target,',
    "target: '/bank/live',",
  ]),
  row('metrics say why a socket ended', EVENTS, 'express.*session, with a logout', [
    'src/sockets/socket-link.ts',
    'this.#cause ??= cause;\n    this.#state = this.#raw.CLOSING;\n    this.#raw.send',
    'this.#state = this.#raw.CLOSING;\n    this.#raw.send',
  ]),
  row('an upgrade listener that throws does not end the process', TUNNEL, 'express.*and throws', [
    'src/ws/inner-socket.ts',
    '.catch(() => own.destroy());',
    ';',
  ]),
  row("code under a sealed path does not get the client's socket", TUNNEL, 'express.*writes to the socket of its', [
    'src/ws/inner-socket.ts',
    '{ socket: shown, client: shown }',
    '{ client: shown }',
  ]),
  row(
    "`request.client` under a sealed path is not the client's socket",
    TUNNEL,
    'express.*writes to the socket of its',
    ['src/ws/inner-socket.ts', '{ socket: shown, client: shown }', '{ socket: shown }'],
  ),
  row('a socket waits at most ten seconds for the application', TUNNEL, 'express.*ten seconds.*nothing', [
    'src/ws/inner-socket.ts',
    'setTimeout(end, SOCKET_PATIENCE_MS)',
    'setTimeout(end, 1e9)',
  ]),
  row(
    'the application is notified if a client leaves before the response',
    TUNNEL,
    'express.*leaves before its answer',
    ['src/ws/inner-socket.ts', "outer.once('close', end);", ''],
  ),
  row('an application that reads nothing slows down its sealed client', TUNNEL, 'express.*reads nothing.*pongs', [
    'src/ws/sealed-tunnel.ts',
    'if (inner.bufferedAmount >= HIGH_WATER) sealed.pause();',
    '',
  ]),
  row('no socket is opened for a client that has disconnected', TUNNEL, 'where the client has gone', [
    'src/ws/inner-socket.ts',
    'if (outer.destroyed) end();',
    '',
  ]),
  row('a waiting socket cannot send more than a head', REFUSALS, 'express.*longer than any head', [
    'src/sockets/waiting-sockets.ts',
    'unread > MAX_UNREAD_BYTES',
    'unread > Infinity',
  ]),
  row('a rejected socket is terminated after a second', REFUSALS, 'express.*for good, a second later', [
    'src/sockets/sealed-server.ts',
    'setTimeout(() => raw.terminate(), REFUSED_MS)',
    'setTimeout(() => raw.terminate(), 1e9)',
  ]),
];
