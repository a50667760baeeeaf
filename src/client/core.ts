// What every call needs: the channel, and the code that turns a request into a message and a message into a response.
// Loaded with the first call.
import { discard } from './call/bytes.js';
import { exchange, type ClientParts } from './call/exchange.js';
import type { RequestDraft } from './call/draft.js';
import { present } from './call/present.js';
import { letGo, readRequest } from './call/request.js';
import { Wire } from './call/wire.js';
import type { ChannelTerms } from './channel/channel.js';
import { ClientChannels } from './channel/channels.js';
import { need } from './errors.js';
import type { Settings } from './options.js';
import type * as RedirectsPart from './call/redirects.js';

export class Core implements ClientParts {
  readonly wire: Wire;
  readonly channels: ClientChannels;

  constructor(readonly settings: Settings) {
    this.wire = new Wire(settings);
    this.channels = new ClientChannels(settings, this.wire);
  }

  /** One call, with the redirects that it follows. */
  async fetch(draft: RequestDraft): Promise<Response> {
    let request = await readRequest(draft, this.settings);
    for (let redirects = 0; ; redirects++) {
      const { response, error, location, type } = await exchange(request, this).catch((thrown: unknown) => {
        letGo(request);
        throw thrown;
      });
      if (error) throw error;
      if (location === undefined || request.redirect === 'manual') {
        request.url.hash = '';
        return present(response, { url: request.url.href, redirected: redirects > 0, type: type ?? response.type });
      }
      // Nobody reads it, and unread it would keep its connection.
      discard(response);
      const { follow } = await need<typeof RedirectsPart>('redirects');
      request = follow(request, response.status, location, redirects);
    }
  }

  /** Makes the handshake that the caller asked for, unless a channel is open. */
  async handshake(signal: AbortSignal | undefined, renew: boolean): Promise<ChannelTerms> {
    return (await this.channels.claim(signal, { isExplicit: true, isRenewal: renew })).channel.terms;
  }

  close(): void {
    this.channels.close();
    this.wire.forget();
  }
}
