import { generateKeyPair, type KeyObject } from 'node:crypto';
import type { NodeEngine } from '../crypto/node.js';
import type { KeyPair } from '../protocol/crypto.js';
import { E2eProblem } from '../protocol/problem.js';

export interface KeyPoolOptions {
  /** How many pairs are kept ready. With 0, each handshake waits for its own pair. Default 8. */
  size?: number;
  /** How many pairs are made at the same time, each in its own thread. Default 1. */
  making?: number;
  /** How many handshakes may wait for a pair. Further ones are `busy` at once. Default 32. */
  waiting?: number;
}

export interface KeyPoolState {
  /** Key pairs that are ready. */
  readonly ready: number;
  /** Handshakes that wait for one. */
  readonly waiting: number;
}

interface Waiter {
  resolve: (pair: KeyPair) => void;
  reject: (error: Error) => void;
}

/**
 * RSA key pairs, made ahead of time and off the event loop: a pair of 2048 bits takes about a fifth of a second of CPU
 * time. Everything is limited, so that a flood of handshakes costs no more than the configured threads.
 */
export class KeyPool {
  readonly #engine: NodeEngine;
  readonly #modulusLength: number;
  readonly #size: number;
  readonly #making: number;
  readonly #waiting: number;
  readonly #onChange: ((state: KeyPoolState) => void) | undefined;
  readonly #ready: KeyPair[] = [];
  readonly #waiters: Waiter[] = [];
  #underWay = 0;
  #stopped = false;

  constructor(
    engine: NodeEngine,
    modulusLength: number,
    { size = 8, making = 1, waiting = 32 }: KeyPoolOptions = {},
    onChange?: (state: KeyPoolState) => void,
  ) {
    this.#onChange = onChange;
    this.#engine = engine;
    this.#modulusLength = modulusLength;
    this.#size = size;
    this.#making = making;
    this.#waiting = waiting;
  }

  get state(): KeyPoolState {
    return { ready: this.#ready.length, waiting: this.#waiters.length };
  }

  /** Whether a handshake now would be `busy`. Check it before you look up anything for a handshake. */
  get isExhausted(): boolean {
    return this.#ready.length === 0 && (this.#stopped || this.#waiters.length >= this.#waiting);
  }

  /**
   * A pair that is given out only once.
   *
   * @param gone aborted when the client's connection ends: it then leaves the queue, and no pair is made for it.
   * @throws E2eProblem `busy` if too many wait already, the pool was stopped, or the client is gone.
   */
  take(gone?: AbortSignal): Promise<KeyPair> {
    if (this.isExhausted || gone?.aborted) return Promise.reject(new E2eProblem('busy'));
    const pair = this.#ready.shift();
    const taken = pair ? Promise.resolve(pair) : this.#wait(gone);
    this.#onChange?.(this.state);
    this.fill();
    return taken;
  }

  /** Takes back a pair that was not used and not shown to anyone. */
  giveBack(pair: KeyPair): void {
    if (!this.#stopped) this.#hand(pair);
  }

  /** Starts making pairs until the pool is full. */
  fill(): void {
    while (
      !this.#stopped &&
      this.#underWay < this.#making &&
      this.#ready.length + this.#underWay < this.#size + this.#waiters.length
    ) {
      this.#underWay++;
      generateKeyPair(
        'rsa',
        { modulusLength: this.#modulusLength, publicExponent: 65537 },
        (error, publicKey, privateKey) => {
          this.#underWay--;
          if (error) this.#fail();
          else this.#add(publicKey, privateKey);
        },
      );
    }
  }

  /** Makes no more pairs. Waiting handshakes are `busy`. */
  stop(): void {
    this.#stopped = true;
    this.#ready.length = 0;
    for (const { reject } of this.#waiters.splice(0)) reject(new E2eProblem('busy'));
  }

  #add(publicKey: KeyObject, privateKey: KeyObject): void {
    if (this.#stopped) return;
    this.#hand(this.#engine.keyPairFrom(publicKey, privateKey));
    this.fill();
  }

  #hand(pair: KeyPair): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve(pair);
    else this.#ready.push(pair);
    this.#onChange?.(this.state);
  }

  #wait(gone: AbortSignal | undefined): Promise<KeyPair> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        const place = this.#waiters.indexOf(waiter);
        if (place < 0) return;
        this.#waiters.splice(place, 1);
        this.#onChange?.(this.state);
        reject(new E2eProblem('busy'));
      };
      const waiter: Waiter = {
        resolve: (pair) => {
          gone?.removeEventListener('abort', leave);
          resolve(pair);
        },
        reject: (error) => {
          gone?.removeEventListener('abort', leave);
          reject(error);
        },
      };
      this.#waiters.push(waiter);
      gone?.addEventListener('abort', leave, { once: true });
    });
  }

  /** No pair could be made. Waiting handshakes fail, and the next one tries again. */
  #fail(): void {
    for (const { reject } of this.#waiters.splice(0)) reject(new E2eProblem('busy'));
  }
}
