/**
 * A key as its engine holds it. The material sits in a private field, where neither `JSON.stringify` nor
 * `util.inspect` nor a spread finds it; only the engine, which has the class, takes it out again.
 */
export abstract class Opaque<Held> {
  readonly #held: Held;

  constructor(held: Held) {
    this.#held = held;
  }

  /** What the key holds; a TypeError where it is not a key of this very class: another engine's, or another role's. */
  static reveal<Held>(this: abstract new (...args: never) => Opaque<Held>, key: object): Held {
    if (!(key instanceof this)) {
      throw new TypeError('a key is used by the engine, and for the purpose, it was made for');
    }
    return key.#held;
  }
}
