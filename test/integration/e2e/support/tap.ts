import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * Whoever stands between the two ends after TLS has ended: passes every byte on, and keeps a copy. What is not in here
 * did not leave.
 */
export class Tap {
  readonly #chunks: Buffer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(to: number) {
    this.#server = createServer({ noDelay: true }, (client) => {
      const server = connect({ port: to, host: '127.0.0.1', noDelay: true });
      for (const [from, into] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
        from.on('error', () => into.destroy());
        from.on('close', () => this.#sockets.delete(from));
        from.pipe(into);
      }
    });
  }

  static async before(port: number): Promise<Tap> {
    const tap = new Tap(port);
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve));
    return tap;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every byte since the last `clear`, in both directions, one character each. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  clear(): void {
    this.#chunks.length = 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
