import * as bundle from './bundle.mjs';
import * as http from './http.mjs';

/** All there is to measure, with what the full bench asks of it. */
export const rows = {
  1: { ...http, defaults: { ways: ['RSA', 'P-256', 'X25519', 'plain JWE'], rounds: 9 } },
  7: { ...bundle, defaults: {} },
};

/** What a minute suffices for. */
export const SHORT = {
  1: { sizes: [1024, 65536], ways: ['RSA'], rounds: 11 },
  7: {},
};
