import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { encapsulateNatively } from '../crypto/node-ml-kem.js';
import type { Bytes } from '../protocol/crypto.js';
import { splitHybridKey } from '../protocol/hybrid-key.js';
import type { AkpPublicJwk } from '../protocol/jwk.js';
import type { Encapsulation, MlKem } from '../protocol/ml-kem.js';
import { E2eProblem } from '../protocol/problem.js';

export interface EncapsulatorOptions {
  /**
   * Where `@noble/post-quantum/ml-kem.js` is, for the thread that runs it. If it is not given, or no thread can be
   * started (a bundled server, Node's permission model), the event loop does the work.
   */
  readonly noblePath?: string | undefined;
  /** Called if this server has no ML-KEM-768 at all. */
  readonly onMissing?: (() => void) | undefined;
}

interface Waiter {
  resolve: (encapsulation: Encapsulation) => void;
  reject: (error: Error) => void;
}

/** How many handshakes may wait for the thread, as for RSA key pairs. Further ones are `busy` at once. */
const MAX_WAITING = 32;

/** Plain JavaScript for Node, because the thread does not have the application's loaders. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const noble = import(workerData);
parentPort.on('message', async (key) => {
  const { sharedSecret, cipherText } = (await noble).ml_kem768.encapsulate(key);
  parentPort.postMessage({ secret: sharedSecret, ciphertext: cipherText });
});
`;

/**
 * Encapsulates to clients' hybrid keys: by node:crypto where it has ML-KEM-768 (Node 24.7 and later, 0.06 ms),
 * otherwise by @noble/post-quantum on a separate thread, because it takes half a millisecond. Package and thread are
 * loaded with the first handshake of this kind.
 */
export class Encapsulator {
  readonly #options: EncapsulatorOptions;
  readonly #waiters: Waiter[] = [];
  #thread: Worker | undefined;
  #hasThreads: boolean;
  #noble: Promise<MlKem> | undefined;
  #stopped = false;

  constructor(options: EncapsulatorOptions = {}) {
    this.#options = options;
    this.#hasThreads = options.noblePath !== undefined;
  }

  /**
   * @param clientKey a key that was checked.
   * @throws E2eProblem `busy` if too many wait; `key-rejected` if this server has no ML-KEM-768.
   */
  async encapsulate(clientKey: AkpPublicJwk): Promise<Encapsulation> {
    const { encapsulationKey } = splitHybridKey(clientKey);
    const native = encapsulateNatively(encapsulationKey);
    if (native) return native;
    if (this.#stopped || this.#waiters.length >= MAX_WAITING) throw new E2eProblem('busy');
    const thread = this.#hasThreads ? this.#startThread() : undefined;
    return thread ? this.#askThread(thread, encapsulationKey) : this.#encapsulateHere(encapsulationKey);
  }

  /** Ends the thread. Handshakes that wait for it are `busy`. */
  stop(): void {
    this.#stopped = true;
    void this.#thread?.terminate();
    this.#leaveThread();
  }

  /** Results arrive in the order of the requests. */
  #askThread(thread: Worker, key: Bytes): Promise<Encapsulation> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      thread.ref();
      thread.postMessage(key);
    });
  }

  #startThread(): Worker | undefined {
    if (this.#thread) return this.#thread;
    try {
      const workerData = pathToFileURL(this.#options.noblePath!).href;
      const thread = new Worker(THREAD, { eval: true, workerData });
      thread.on('message', (encapsulation: Encapsulation) => {
        this.#waiters.shift()?.resolve(encapsulation);
        // It keeps the process alive only while a handshake waits.
        if (this.#waiters.length === 0) thread.unref();
      });
      thread.on('error', () => this.#leaveThread());
      return (this.#thread = thread);
    } catch {
      this.#leaveThread();
      return undefined;
    }
  }

  /** From now on without threads. */
  #leaveThread(): void {
    this.#thread = undefined;
    this.#hasThreads = false;
    for (const { reject } of this.#waiters.splice(0)) reject(new E2eProblem('busy'));
  }

  async #encapsulateHere(key: Bytes): Promise<Encapsulation> {
    this.#noble ??= import('../crypto/noble-ml-kem.js').then(({ nobleMlKem }) => nobleMlKem);
    const noble = await this.#noble.catch(() => undefined);
    if (noble) return noble.encapsulate(key);
    this.#options.onMissing?.();
    throw new E2eProblem('key-rejected', { detail: 'this server has no ML-KEM-768' });
  }
}
