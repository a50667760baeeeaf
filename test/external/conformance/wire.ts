/** HTTP as bytes: what a test says is what is sent, and what came is what it sees. Every request has its own connection. */
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';

export interface Outgoing {
  method?: string;
  target: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Uint8Array;
  /** Sends the body without a length, `Transfer-Encoding: chunked`. */
  chunked?: boolean;
  /** Milliseconds between the head and the body. */
  bodyAfter?: number;
  /** Sends so many bytes of the body before that time, and the rest after it. */
  before?: number;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  rawHeaders: readonly string[];
  body: string;
  /** The same, as bytes. */
  bytes?: Buffer;
}

const agent = new Agent({ keepAlive: false, maxSockets: Infinity });

/** Sends one request, gives the whole answer; an answer that comes before the body has gone counts as one. */
export function send(base: string, outgoing: Outgoing): Promise<Reply> {
  const { method = 'GET', target, headers = {}, body, chunked = false, bodyAfter = 0, before = 0 } = outgoing;
  const { hostname, port } = new URL(base);
  const bytes = body === undefined ? undefined : Buffer.from(body as Uint8Array);
  const length = bytes && !chunked ? { 'Content-Length': bytes.length } : {};
  return new Promise((resolve, reject) => {
    let answered = false;
    const out = request(
      {
        agent,
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        method,
        path: target,
        headers: { ...headers, ...length },
      },
      (incoming) => {
        answered = true;
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            rawHeaders: incoming.rawHeaders,
            body: bytes.toString('utf8'),
            bytes,
          });
        });
      },
    );
    out.on('error', (error) => {
      if (!answered) reject(error);
    });
    if (chunked) out.setHeader('Transfer-Encoding', 'chunked');
    if (!bytes) out.end();
    else if (bodyAfter) {
      out.flushHeaders();
      if (before > 0) out.write(bytes.subarray(0, before));
      setTimeout(() => out.end(bytes.subarray(before)), bodyAfter);
    } else out.end(bytes);
  });
}

/** A cookie jar of the simplest kind: names and values, for one origin. */
export class Jar {
  private readonly cookies = new Map<string, string>();

  take(reply: Reply): void {
    for (const line of reply.headers['set-cookie'] ?? []) {
      const [pair = '', ...attributes] = line.split(';');
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
      const gone = attributes.some((attribute) => {
        const [key = '', when = ''] = attribute.trim().split('=');
        return (
          (/^max-age$/i.test(key) && Number(when) <= 0) || (/^expires$/i.test(key) && Date.parse(when) <= Date.now())
        );
      });
      if (gone) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }

  /** The `Cookie` header, or the empty string where there is none. */
  toString(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  clone(): Jar {
    const copy = new Jar();
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }
}
