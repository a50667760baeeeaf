import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, type DynamicModule } from '@nestjs/common';
import { Args, Field, GraphQLModule, Mutation, ObjectType, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Encrypted, Plain } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp, type Setup } from '../e2e/support/apps.js';
import { noting, passed } from './support/passing.js';

@ObjectType()
class Note {
  @Field(() => String)
  title: string;
  constructor(title: string) {
    this.title = title;
  }
}

@Resolver(() => Note)
@Plain()
class NoteResolver {
  @Query(() => [Note])
  notes(): Note[] {
    return [new Note('first')];
  }
  @Mutation(() => Note)
  create(@Args('title', { type: () => String }) title: string): Note {
    return new Note(title);
  }
  @ResolveField(() => String)
  shout(): string {
    return 'FIRST';
  }
}

@Controller('notes')
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
}

const graphql = (): DynamicModule =>
  GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true, graphiql: false });

async function query(url: string, text: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query: text }) });
  return response.json();
}

onEachPlatform('GraphQL resolvers', (platform) => {
  it.each([false, true])(
    'pass untouched beside sealed routes, @Plain() with encryptByDefault: %p',
    async (isDefault) => {
      const setup: Setup = {
        e2e: { encryptByDefault: isDefault },
        imports: [graphql()],
        controllers: [NoteController],
        providers: [NoteResolver, ...noting],
      };
      const app = await TestApp.start(platform, setup);
      passed.length = 0;
      try {
        const url = await app.nest.getUrl();
        expect(await query(url, '{ notes { title shout } }')).toEqual({
          data: { notes: [{ title: 'first', shout: 'FIRST' }] },
        });
        expect(await query(url, 'mutation { create(title: "second") { title } }')).toEqual({
          data: { create: { title: 'second' } },
        });
        expect(new Set(passed)).toEqual(new Set(['guard: graphql', 'interceptor: graphql']));

        const agent = await e2eAgent(app.nest);
        const call = agent.get('/notes');
        await (isDefault ? call.expectSealed() : call.e2e({ response: false })).expect(200);
        await agent.close();
        expect(app.log.text).not.toContain('leaves in the clear');
      } finally {
        await app.close();
      }
    },
  );
});

onEachPlatform('A sealed call to /graphql, which is a middleware and no route of a controller,', (platform) => {
  // Express' body parsers run before the message is opened: what no route has sees no body.
  const answer = platform === 'fastify' ? { data: { notes: [{ title: 'first' }] } } : undefined;

  it('is answered sealed, and on Fastify opened before it', async () => {
    const app = await TestApp.start(platform, { imports: [graphql()], providers: [NoteResolver] });
    const agent = await e2eAgent(app.nest);
    try {
      await agent
        .post('/graphql')
        .send({ query: '{ notes { title } }' })
        .expect(answer ? 200 : 400)
        .expect(({ body }) => {
          if (answer) expect(body).toEqual(answer);
        });
    } finally {
      await agent.close();
      await app.close();
    }
  });
});

describe('@Encrypted() on a resolver is refused at start', () => {
  @Resolver()
  @Encrypted()
  class SealedResolver {
    @Query(() => String)
    one(): string {
      return '';
    }
  }
  @Resolver()
  class HalfSealedResolver {
    @Query(() => String)
    @Encrypted()
    two(): string {
      return '';
    }
  }
  @Resolver()
  @Plain()
  class PlainResolver {
    @Query(() => String)
    three(): string {
      return 'in the clear';
    }
  }

  it.each([
    [SealedResolver, 'SealedResolver: it is a GraphQL resolver.'],
    [HalfSealedResolver, 'HalfSealedResolver.two(): it is a method of a GraphQL resolver.'],
  ])('%p', async (resolver, text) => {
    const start = TestApp.start('express', { providers: [resolver] });
    await expect(start).rejects.toThrow(`E2eModule: @Encrypted() has no effect on ${text}`);
    await expect(start).rejects.toThrow('sealedPaths: ["/graphql"]');
  });

  it('and @Plain() says that it is meant to be plain', async () => {
    const app = await TestApp.start('express', {
      e2e: { encryptByDefault: true },
      imports: [graphql()],
      providers: [PlainResolver],
    });
    expect(await query(await app.nest.getUrl(), '{ three }')).toEqual({ data: { three: 'in the clear' } });
    expect(app.log.text).not.toContain('leaves in the clear');
    await app.close();
  });
});
