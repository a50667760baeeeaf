import { request, type IncomingMessage } from 'node:http';
import { directWay, openCompact, type Members } from '../../../external/conformance/peer.js';
import type { Channel, Plaintext } from '../../../external/conformance/channel.js';
import { openFrames, splitStream, type Frame } from '../../../external/conformance/stream.js';

/** How an answer went on: a frame; the end of the HTTP body; or the end of the connection before it. */
export type Next = Frame | 'end' | 'cut';

/** An answer in frames that is read a frame at a time, from PROTOCOL §6 alone. */
export class AnswerReader {
  #bytes = Buffer.alloc(0);
  #read = 0;
  #over: 'end' | 'cut' | undefined;
  #head: { readonly text: string; readonly length: number; readonly header: Members } | undefined;

  private constructor(
    private readonly channel: Channel,
    readonly response: IncomingMessage,
  ) {
    response.on('data', (chunk: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, chunk])));
    response.on('error', () => undefined);
    response.on('end', () => (this.#over ??= 'end')).on('close', () => (this.#over ??= 'cut'));
  }

  /** Sends a sealed request, and waits for the head of its answer alone. */
  static async ask(channel: Channel, method: string, target: string, plaintext?: Plaintext): Promise<AnswerReader> {
    const { jwe } = channel.message(method, target, plaintext);
    const isBody = plaintext !== undefined;
    const carried = isBody ? { 'Content-Type': 'application/jose' } : { 'E2e-Request': jwe };
    const headers = { ...carried, Cookie: String(channel.visitor.jar) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const out = request(channel.visitor.base + target, { method, headers, agent: false }, resolve);
      out.on('error', reject);
      out.end(isBody ? jwe : undefined);
    });
    return new AnswerReader(channel, response);
  }

  /** What the head says. */
  async header(): Promise<Members> {
    return (await this.#start()).header;
  }

  async next(): Promise<Next> {
    const { text, length } = await this.#start();
    for (;;) {
      const { frames } = openFrames(this.channel.keys.responseFrames, text, this.#bytes.subarray(length));
      if (frames.length > this.#read) return frames[this.#read++]!;
      if (this.#over) return this.#over;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** All that comes from here on, up to the end or the cut. */
  async rest(): Promise<Next[]> {
    const all: Next[] = [];
    for (;;) {
      const next = await this.next();
      all.push(next);
      if (next === 'end' || next === 'cut') return all;
    }
  }

  async #start() {
    while (!this.#head) {
      const end = this.#bytes.indexOf('\n');
      if (end < 0 && this.#over) throw new Error('the answer has no head');
      if (end < 0) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      const { head: text } = splitStream(this.#bytes);
      const { header } = openCompact(text, directWay(this.channel.keys.response));
      this.#head = { text, length: end + 1, header };
    }
    return this.#head;
  }
}

/** What was read, in short: each frame's kind and text, and how it ended. */
export function inShort(all: readonly Next[]): string[] {
  return all.map((each) =>
    typeof each === 'string' ? each : `${each.kind} ${each.plaintext.toString('utf8')}`.trim(),
  );
}
