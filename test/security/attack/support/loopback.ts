import type { OpenedMessage } from '../../../../src/channel/message.js';
import type { Channels } from '../../../../src/channel/channels.js';
import { createE2eClient, type E2eClient, type E2eClientOptions } from '../../../../src/client/index.js';
import { utf8 } from '../../../../src/protocol/json.js';
import { parsePublicKey } from '../../../../src/protocol/keys.js';
import { makeChannels, session } from './channels.js';

export const SESSION = 'the session';

/**
 * The real client and the real channels of a server, in one process and without HTTP between them: fast enough to change
 * every byte of what passes.
 */
export class Loopback {
  readonly channels: Channels = makeChannels({ allowPlainJwe: true }).channels;
  readonly client: E2eClient;
  /** The last request: its message as it passed, and as the server opened it. */
  passed: { readonly message: string; readonly opened: OpenedMessage } | undefined;
  /** What becomes of an answer on its way. */
  tamper: (answer: string) => string = (answer) => answer;

  constructor(options: E2eClientOptions) {
    this.client = createE2eClient({
      baseUrl: 'http://server.test',
      cookies: false,
      ...options,
      fetch: (input, init) => this.#answer(new URL(input as string), init!),
    });
  }

  async #answer({ pathname }: URL, { method = '', body }: RequestInit): Promise<Response> {
    if (pathname === '/e2e/handshake') {
      const { publicKey } = JSON.parse(body as string);
      const answer = await this.channels.handshake(session(SESSION), parsePublicKey(publicKey));
      return new Response(JSON.stringify(answer), { status: 201, headers: { 'content-type': 'application/json' } });
    }
    const message = body as string;
    const opened = await this.channels.open(SESSION, message, {
      place: 'body',
      method,
      target: pathname,
      idem: undefined,
    });
    this.passed = { message, opened };
    const answer = opened.seal({ status: 200, cty: 'text/plain', iat: opened.header.iat, plaintext: utf8(ANSWER) });
    const bytes = Uint8Array.from(this.tamper(answer), (character) => character.charCodeAt(0));
    return new Response(bytes, { headers: { 'content-type': 'application/jose' } });
  }
}

export const ANSWER = 'the answer';
