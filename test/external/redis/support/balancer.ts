import { Agent, createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it passed, byte for byte but for the connection's own headers. */
export interface Passed {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Which server got it. */
  server: number;
  status?: number;
  type?: string;
  answer?: string;
  took?: number;
}

/** Of one connection, not of a message. */
const HOP = ['connection', 'keep-alive', 'transfer-encoding', 'content-length'];

/**
 * A load balancer: each request goes to the next server, whichever connection it came on. As the usual ones do, it goes
 * on to the next server where one takes no connection, and answers 502 where one breaks off in the middle.
 */
export class Balancer {
  readonly passed: Passed[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512 });
  readonly #server = createServer((request, response) => {
    this.#pass(request, response).catch(() => response.destroy());
  });
  #next = 0;

  private constructor(private readonly ports: readonly number[]) {}

  static async before(ports: readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(ports);
    await new Promise<void>((resolve) => balancer.#server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const from = performance.now();
    const body = await read(incoming);
    const { method = '', url: target = '' } = incoming;
    const passed: Passed = { method, target, headers: withoutHop(incoming.rawHeaders), body, server: -1 };
    this.passed.push(passed);
    const first = this.#next++;
    for (const tries of this.ports.keys()) {
      passed.server = (first + tries) % this.ports.length;
      try {
        const answer = await deliver(this.#agent, this.ports[passed.server]!, passed);
        passed.status = answer.status;
        passed.type = answer.type;
        passed.answer = answer.body.toString('latin1');
        passed.took = performance.now() - from;
        response.writeHead(answer.status, [...answer.headers, 'content-length', String(answer.body.length)]);
        response.end(answer.body);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== 'ECONNREFUSED') break;
      }
    }
    passed.status = 502;
    passed.took = performance.now() - from;
    response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>');
  }
}

interface Delivered {
  readonly status: number;
  readonly headers: string[];
  readonly type: string;
  readonly body: Buffer;
}

/** Sends it to this server as it is, once. */
export function deliver(
  agent: Agent | undefined,
  port: number,
  { method, target, headers, body }: Pick<Passed, 'method' | 'target' | 'headers' | 'body'>,
): Promise<Delivered> {
  return new Promise((resolve, reject) => {
    const framed = body.length > 0 || method !== 'GET' ? ['content-length', String(body.length)] : [];
    const out = send({ agent, host: '127.0.0.1', port, method, path: target, headers: [...headers, ...framed] });
    out.on('error', reject);
    out.on('response', (incoming) => {
      read(incoming).then(
        (bytes) =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: withoutHop(incoming.rawHeaders),
            type: incoming.headers['content-type'] ?? '',
            body: bytes,
          }),
        reject,
      );
    });
    out.end(body);
  });
}

function withoutHop(raw: readonly string[]): string[] {
  return raw.filter((_, index) => !HOP.includes(raw[index - (index % 2)]!.toLowerCase()));
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
