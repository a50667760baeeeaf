import * as browser from './browser.mjs';
import * as bundle from './bundle.mjs';
import * as cold from './cold.mjs';
import * as handshakes from './handshakes.mjs';
import * as http from './http.mjs';
import * as library from './library.mjs';
import * as memory from './memory.mjs';
import * as rivals from './baselines.mjs';
import * as sockets from './sockets.mjs';
import * as streams from './streams.mjs';

/** All there is to measure, with what the full bench asks of it. */
export const rows = {
  1: {
    ...http,
    defaults: { sizes: [1024, 65536, 1048576], ways: ['RSA', 'P-256', 'X25519', 'plain JWE'], rounds: 5 },
  },
  2: { ...rivals, defaults: { sizes: [1024, 65536], rounds: 5 } },
  3: { ...library, defaults: { sizes: [1024, 65536, 1048576], rounds: 31 } },
  4: { ...handshakes, defaults: { rounds: 5 } },
  5: { ...cold, defaults: { rounds: 200 } },
  6: { ...browser, defaults: { rounds: 8, calls: 100 } },
  7: { ...bundle, defaults: {} },
  8: { ...memory, defaults: { counts: { X25519: [1000, 10_000, 100_000], RSA: [1000] } } },
  9: { ...streams, defaults: { bytes: 2 ** 30, streams: 1000, rounds: 3 } },
  10: { ...sockets, defaults: { rounds: 7, messages: 8000, listeners: 1000, sockets: 5000 } },
};

/** What a minute suffices for. */
export const SHORT = {
  1: { sizes: [1024, 65536], ways: ['RSA'], rounds: 9 },
  3: { sizes: [1024, 65536], rounds: 15 },
  7: {},
  9: { bytes: 2 ** 26, streams: 200, rounds: 3, platforms: ['express'] },
  10: { rounds: 7, messages: 4000, listeners: 200, sockets: 500 },
};
