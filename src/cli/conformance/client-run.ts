import type { KeyKind } from '../../protocol/jwk.js';
import { GET, type ClientCase } from './client-case.js';
import { handshakeCases } from './client-cases/handshake.js';
import { honestCases } from './client-cases/honest.js';
import { messageCases } from './client-cases/message.js';
import { plainCases } from './client-cases/plain.js';
import { streamCases } from './client-cases/streams.js';
import type { DrivenClient } from './driven-client.js';
import type { Result } from './report.js';
import { RunnerServer } from './server.js';

export const CLIENT_CASES: readonly ClientCase[] = [
  ...handshakeCases,
  ...honestCases,
  ...messageCases,
  ...plainCases,
  ...streamCases,
];

/** Runs the cases on one client, one after the other, and gives what came of each. */
export async function* runClient(
  client: DrivenClient,
  cases: readonly ClientCase[] = CLIENT_CASES,
): AsyncGenerator<Result> {
  const server = await new RunnerServer().start();
  const run = new ClientRun(client, server);
  try {
    for (const each of cases) {
      for (const kind of each.kinds ?? ['X25519']) yield await run.result(each, kind);
    }
  } finally {
    server.stop();
    await client.stop();
  }
}

class ClientRun {
  /** The kind of channel that the client has from the previous case; none if it must make a handshake. */
  #open: KeyKind | undefined;
  readonly #unsupported = new Set<KeyKind>();

  constructor(
    readonly client: DrivenClient,
    readonly server: RunnerServer,
  ) {}

  async result(each: ClientCase, kind: KeyKind): Promise<Result> {
    const { section, name } = each;
    const flaw = this.#unsupported.has(kind) ? 'unsupported' : await this.#run(each, kind);
    // What went wrong may have left the client in any state.
    if (flaw !== undefined) this.#open = undefined;
    if (flaw === 'unsupported') return { section, name, kind, outcome: 'skipped' };
    return { section, name, kind, outcome: flaw === undefined ? 'passed' : 'failed', ...(flaw && { flaw }) };
  }

  async #run(each: ClientCase, kind: KeyKind): Promise<string | undefined> {
    const { pins, isFresh = false, requests = [GET], variants = 1 } = each;
    for (let variant = 0; variant < variants; variant++) {
      if (isFresh || this.#open !== kind) {
        this.#open = undefined;
        const opened = await this.client.open({ baseUrl: this.server.url, kind, ...(pins && { identityKeys: pins }) });
        if (opened.unsupported) return this.#lack(kind);
        if (opened.error) return `open: ${opened.error}`;
        if (!isFresh) {
          // So that the case is only about its message.
          this.server.behave({});
          const first = await this.client.request(GET);
          if (first.error) return `an honest request before the case: ${first.error}`;
          this.#open = kind;
        }
      }
      this.server.behave(each.server, variant);
      let outcome = await this.client.request(requests[0]!);
      for (const request of requests.slice(1)) outcome = await this.client.request(request);
      if (outcome.unsupported) return 'unsupported';
      const [violation] = each.allowsViolations ? [] : this.server.violations;
      const flaw = violation ? `the client sent ${violation}` : each.expect(outcome, this.server, variant);
      if (flaw) return variants > 1 ? `${flaw} (variant ${variant})` : flaw;
    }
    return undefined;
  }

  #lack(kind: KeyKind): string {
    this.#unsupported.add(kind);
    return 'unsupported';
  }
}
