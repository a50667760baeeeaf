import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { KeyKind, SigningJwk } from '../../protocol/jwk.js';
import { unb64u, type Json } from './secrets.js';

/** A request that the client is to send (docs/conformance.md). */
export interface RequestCommand {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In base64url. */
  readonly body?: string;
  readonly type?: string;
  /** The pieces of a body that is to travel in frames, in base64url. */
  readonly stream?: readonly string[];
  /** The length of that body. */
  readonly length?: number;
  /** Whether the body's source fails after its pieces. */
  readonly fails?: boolean;
  readonly resend?: boolean;
  /** Whether the caller expects a response in the clear. */
  readonly plain?: boolean;
}

export interface OpenCommand {
  readonly baseUrl: string;
  readonly kind: KeyKind;
  readonly identityKeys?: readonly SigningJwk[];
}

/** What the client said came of a command. */
export interface Outcome {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly type?: string | null;
  readonly body: Buffer;
  readonly error?: string;
  readonly problem?: string;
  readonly unsupported?: boolean;
  /** The line as it came. */
  readonly line: string;
}

/** The program under test, which reads a command a line and writes an outcome a line. Started anew after it hung. */
export class DrivenClient {
  #child: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  constructor(
    readonly command: string,
    readonly timeout: number,
  ) {}

  open(command: OpenCommand): Promise<Outcome> {
    return this.#run({ do: 'open', path: '/e2e', ...command });
  }

  request(command: RequestCommand): Promise<Outcome> {
    return this.#run({ do: 'request', ...command });
  }

  /** Ends the program: by the end of its input, or by a signal if it does not react. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = this.#lines = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.stdin?.end();
    const late = setTimeout(() => kill(child), 2_000);
    await ended;
    clearTimeout(late);
  }

  async #run(command: Json): Promise<Outcome> {
    const lines = this.#start();
    this.#child!.stdin!.write(`${JSON.stringify(command)}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), this.timeout)));
    const next = await Promise.race([lines.next(), late]);
    clearTimeout(timer);
    if (next !== 'late' && !next.done) return readOutcome(next.value);
    if (this.#child) kill(this.#child);
    this.#child = this.#lines = undefined;
    const error = next === 'late' ? `no outcome within ${this.timeout / 1000} s` : 'the client ended';
    return { error, body: Buffer.alloc(0), line: '' };
  }

  #start(): AsyncIterator<string> {
    if (this.#lines) return this.#lines;
    // A separate process group, so that processes of the shell end with it.
    const child = spawn(this.command, { shell: true, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => undefined);
    this.#child = child;
    return (this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]());
  }
}

function kill(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function readOutcome(line: string): Outcome {
  try {
    const { body = '', ...outcome } = JSON.parse(line) as Omit<Outcome, 'body' | 'line'> & { body?: string };
    return { ...outcome, body: unb64u(body), line };
  } catch {
    return { error: `no JSON: ${line.slice(0, 80)}`, body: Buffer.alloc(0), line };
  }
}
