import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

/** The streams that are piped into a response, which may fail without it hearing of it. */
export class PipedSources {
  readonly #sources = new Set<Readable>();

  constructor(response: ServerResponse) {
    response.on('pipe', (source) => {
      if (this.#sources.size === 0) response.on('unpipe', (gone) => this.#remove(gone));
      this.#sources.add(source);
    });
  }

  /** Whether one of them broke off. A response that is ended then is not whole. */
  get haveFailed(): boolean {
    for (const source of this.#sources) if (hasFailed(source)) return true;
    return false;
  }

  #remove(source: Readable): void {
    if (!hasFailed(source)) this.#sources.delete(source);
  }
}

function hasFailed({ errored, destroyed, readableEnded }: Readable): boolean {
  return Boolean(errored) || (destroyed && !readableEnded);
}
