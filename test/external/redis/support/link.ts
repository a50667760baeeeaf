import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type Condition = 'whole' | 'cut' | 'slow' | 'frozen';

/** The way between the servers and Redis, which breaks on request. */
export class Link {
  #condition: Condition = 'whole';
  #delay = 0;
  readonly #sockets = new Set<Socket>();
  readonly #thaw: (() => void)[] = [];
  readonly #server: Server;

  private constructor(private readonly to: number) {
    this.#server = createServer({ noDelay: true }, (near) => this.#join(near));
  }

  static async to(port: number): Promise<Link> {
    const link = new Link(port);
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All connections end, and no new one comes about. */
  cut(): void {
    this.#condition = 'cut';
    this.#drop();
  }

  /** What goes to Redis arrives so many milliseconds later. */
  slow(delay: number): void {
    this.#condition = 'slow';
    this.#delay = delay;
  }

  /** Connections stay, new ones are made, and nothing passes: what was sent meanwhile arrives when the link is whole again. */
  freeze(): void {
    this.#condition = 'frozen';
  }

  mend(): void {
    this.#condition = 'whole';
    for (const pass of this.#thaw.splice(0)) pass();
  }

  async close(): Promise<void> {
    this.#drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #drop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#thaw.length = 0;
  }

  #join(near: Socket): void {
    if (this.#condition === 'cut') {
      near.destroy();
      return;
    }
    const far = connect({ port: this.to, host: '127.0.0.1', noDelay: true });
    this.#pass(near, far, true);
    this.#pass(far, near, false);
  }

  #pass(from: Socket, into: Socket, toRedis: boolean): void {
    let last = Promise.resolve();
    this.#sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      const due = performance.now() + (this.#condition === 'slow' && toRedis ? this.#delay : 0);
      last = last.then(() => this.#hold(due)).then(() => void into.write(chunk));
    });
    from.on('error', () => into.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      into.destroy();
    });
  }

  async #hold(due: number): Promise<void> {
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    while (this.#condition === 'frozen') await new Promise<void>((resolve) => this.#thaw.push(resolve));
  }
}
