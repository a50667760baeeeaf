import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { essence, EVENTS_MEDIA_TYPE } from '../protocol/media-type.js';
import { eventsParser } from './events.js';

/**
 * Superagent's custom parsers: one reads the response, which is a stream, as it comes, and calls back. What is left of the
 * stream is then let go, and its connection with it.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- suites written for superagent annotate this argument with types of their own, and must compile
export type Parser = (response: any, done: (error: Error | null, body: unknown) => void) => unknown;

/** How a call reads the body of its response. */
export interface Reading {
  parser?: Parser;
  /** How many events of an event stream are read. */
  events?: number;
  /** Whether what a parser reads is kept beside, as `bytes` and `text`. */
  isKept: boolean;
}

/** The opened response, and what was read of its body. */
export interface Opened {
  readonly response: Response;
  readonly bytes: Uint8Array;
  /** What a parser made of it. */
  readonly parsed?: { readonly body: unknown };
}

/** @throws E2eClientError if the body does not end correctly. What a parser read of it is incomplete. */
export async function readOpened(response: Response, { parser, events, isKept }: Reading): Promise<Opened> {
  const isEvents = essence(response.headers.get('content-type') ?? '') === EVENTS_MEDIA_TYPE;
  const reader = parser ?? (events !== undefined && isEvents ? eventsParser(events) : undefined);
  if (!reader) return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
  const chunks: Uint8Array[] = [];
  const body = await parse(reader, response, (chunk) => isKept && chunks.push(chunk));
  return { response, bytes: Buffer.concat(chunks), parsed: { body } };
}

async function parse(parser: Parser, response: Response, keep: (chunk: Uint8Array) => unknown): Promise<unknown> {
  const stream = Object.assign(streamOf(response, keep), {
    headers: Object.fromEntries(response.headers),
    statusCode: response.status,
  });
  try {
    return await new Promise((resolve, reject) => {
      stream.once('error', reject);
      parser(stream, (error, body) => (error ? reject(error) : resolve(body)));
    });
  } finally {
    stream.on('error', () => undefined).destroy();
  }
}

function streamOf({ body }: Response, keep: (chunk: Uint8Array) => unknown): Readable {
  if (!body) return Readable.from([]);
  const kept = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      keep(chunk);
      controller.enqueue(chunk);
    },
  });
  return Readable.fromWeb(body.pipeThrough(kept) as NodeReadableStream);
}

/** The parser that gives the bytes themselves. */
export const readBuffer: Parser = (response: Readable, done) => {
  const chunks: Uint8Array[] = [];
  response.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  response.on('end', () => done(null, Buffer.concat(chunks)));
};
