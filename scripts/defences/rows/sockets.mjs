// Sockets (PROTOCOL §7).
import { row } from '../row.mjs';

const MESSAGES = 'test/unit/protocol/socket.spec.ts';

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
];
