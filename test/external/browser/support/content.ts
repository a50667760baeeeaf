import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export const MIB = 2 ** 20;

const NOISE = randomBytes(MIB);

/** So many MiB that nobody holds whole: each begins with its number, and has the canary in it. */
export class Content {
  readonly #piece: Buffer;

  constructor(
    readonly mebibytes: number,
    canary: string,
  ) {
    this.#piece = Buffer.from(NOISE);
    this.#piece.write(canary, 8);
  }

  get length(): number {
    return this.mebibytes * MIB;
  }

  *pieces(): Generator<Buffer> {
    for (let number = 0; number < this.mebibytes; number++) {
      const piece = Buffer.from(this.#piece);
      piece.writeUInt32BE(number);
      yield piece;
    }
  }

  stream(): Readable {
    return Readable.from(this.pieces(), { objectMode: false });
  }

  sha256(): Promise<string> {
    return sha256(this.pieces());
  }

  /** SHA-256 of the hash so far and the next MiB, and so on: WebCrypto knows no hash of a stream. */
  chain(): string {
    let hash = Buffer.alloc(32);
    for (const piece of this.pieces()) hash = createHash('sha256').update(hash).update(piece).digest();
    return hash.toString('hex');
  }

  write(path: string): Promise<void> {
    return pipeline(this.pieces(), createWriteStream(path));
  }
}

export async function sha256(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
