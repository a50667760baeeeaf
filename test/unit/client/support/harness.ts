import { afterEach, beforeEach } from '@jest/globals';
import {
  createE2eClient,
  type E2eClientOptions,
  type E2eClient,
  E2eClientError,
} from '../../../../src/client/index.js';
import { Counterpart } from './counterpart.js';

/** A fresh counterpart for each test, and clients of it. */
export function useCounterpart(): { readonly server: Counterpart; client(options?: E2eClientOptions): E2eClient } {
  let server: Counterpart | undefined;
  beforeEach(async () => {
    server = await Counterpart.start();
  });
  afterEach(() => server!.stop());
  return {
    get server() {
      return server!;
    },
    // P-256 unless a test is about kinds: an RSA pair takes a fifth of a second on either side.
    client: (options = {}) => createE2eClient({ baseUrl: server!.url, keyKind: 'P-256', ...options }),
  };
}

/** The client's error that this call ends in; anything else fails the test. */
export async function errorOf(call: Promise<unknown>): Promise<E2eClientError> {
  const outcome: unknown = await call.then(
    () => new Error('the call went through'),
    (error: unknown) => error,
  );
  if (outcome instanceof E2eClientError) return outcome;
  throw outcome;
}
