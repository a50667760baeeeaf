/**
 * A key as its engine holds it. The material is in a private field, which `JSON.stringify`, `util.inspect` and a spread
 * cannot read. Only the engine, which has the class, can.
 */
export abstract class Opaque<Held> {
  readonly #held: Held;

  constructor(held: Held) {
    this.#held = held;
  }

  /** The content of the key; TypeError if it is not a key of this class but of another engine or role. */
  static reveal<Held>(this: abstract new (...args: never) => Opaque<Held>, key: object): Held {
    if (!(key instanceof this)) {
      throw new TypeError('a key is used by the engine, and for the purpose, it was made for');
    }
    return key.#held;
  }
}
