import { Args, Context, Int, Query, Resolver, Subscription } from '@nestjs/graphql';
import type { IncomingMessage } from 'node:http';
import { E2e, type ChannelFacts } from '../../../../src/index.js';
import { CANARY } from '../../e2e/support/raw.js';

/** What subscriptions have done. */
export const subscribed: string[] = [];

type Session = { readonly user?: string } | undefined;
interface Web {
  readonly req?: { readonly extra?: { readonly request: IncomingMessage & { session?: Session } }; session?: Session };
}

@Resolver()
export class TickResolver {
  @Query(() => String)
  one(): string {
    return 'one';
  }
  @Subscription(() => String)
  async *ticks(@Args('to', { type: () => Int }) to: number): AsyncGenerator<object> {
    subscribed.push('ticks');
    try {
      for (let tick = 1; tick <= to; tick++) {
        await new Promise((resolve) => setImmediate(resolve));
        yield { ticks: `${tick} ${CANARY}` };
      }
    } finally {
      subscribed.push('over');
    }
  }
  @Subscription(() => String, { resolve: (value: string) => value })
  async *who(@Context() context: Web, @E2e() channel: ChannelFacts | undefined): AsyncGenerator<string> {
    await Promise.resolve();
    const session = context.req?.extra?.request.session ?? context.req?.session;
    yield `${session?.user} ${channel?.kind}`;
  }
}
