import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  BadRequestException,
  Body,
  Controller,
  ForbiddenException,
  HttpCode,
  Injectable,
  Post,
  Req,
  UseGuards,
  ValidationPipe,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
} from '@nestjs/common';
import {
  Args,
  Context,
  Field,
  GqlExecutionContext,
  GraphQLModule,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { MaxLength } from 'class-validator';
import { E2e, Encrypted, type ChannelFacts } from '../../../../src/index.js';
import type { PlatformName } from '../../e2e/support/apps.js';
import { CANARY } from '../../e2e/support/raw.js';

/** Which resolvers ran. */
export const resolved: string[] = [];

@ObjectType()
export class Note {
  @Field(() => String)
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

@InputType()
class NoteInput {
  @Field(() => String)
  @MaxLength(40)
  text!: string;
}

interface Web {
  readonly req: {
    readonly session?: { user?: string };
    readonly headers: Record<string, string>;
    readonly url: string;
  };
  readonly res?: { readonly statusCode?: number };
}

@Injectable()
class UserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { req } = GqlExecutionContext.create(context).getContext<Web>();
    return req.session?.user !== undefined;
  }
}

@Resolver(() => Note)
export class NoteResolver {
  @Query(() => [Note])
  notes(@Args('times', { type: () => Int, defaultValue: 1 }) times: number): Note[] {
    resolved.push('notes');
    return Array.from({ length: times }, () => new Note(CANARY));
  }
  @ResolveField(() => String)
  shout(@Parent() note: Note): string {
    return note.text.toUpperCase();
  }
  @Mutation(() => Note)
  create(@Args('note', new ValidationPipe()) note: NoteInput): Note {
    resolved.push('create');
    return new Note(note.text);
  }
  @Query(() => String)
  bad(): string {
    throw new BadRequestException(`bad ${CANARY}`);
  }
  @Query(() => String)
  forbidden(): string {
    throw new ForbiddenException();
  }
  @Query(() => String, { nullable: true })
  broken(): string {
    throw new Error(`broken ${CANARY}`);
  }
  @Query(() => String)
  @UseGuards(UserGuard)
  me(@Context() { req }: Web): string {
    return `${req.session?.user} ${CANARY}`;
  }
  @Query(() => String)
  type(@Context() { req }: Web): string {
    return req.headers['content-type'] ?? 'none';
  }
  @Query(() => String, { nullable: true })
  channel(@E2e() channel: ChannelFacts | undefined): string | undefined {
    return channel?.kind;
  }
}

@Controller('login')
export class LoginController {
  @Post()
  @HttpCode(204)
  @Encrypted()
  login(@Req() request: { session: { user?: string } }, @Body() { user }: { user: string }): void {
    request.session.user = user;
  }
  @Post('out')
  @HttpCode(204)
  @Encrypted()
  async logout(@Req() request: { session: { destroy: (done: () => void) => void } }): Promise<void> {
    await new Promise<void>((resolve) => request.session.destroy(resolve));
  }
}

/** The servers that `@nestjs/graphql` brings, on the platforms that each has. */
export const SERVERS = ['apollo on express', 'apollo on fastify', 'mercurius on fastify'] as const;
export type ServerName = (typeof SERVERS)[number];

export function platformOf(server: ServerName): PlatformName {
  return server.endsWith('express') ? 'express' : 'fastify';
}

export function graphqlOf(server: ServerName, path = '/graphql', subscriptions = false): DynamicModule {
  if (server.startsWith('mercurius')) {
    return GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
      path,
      graphiql: true,
      allowBatchedQueries: true,
      subscription: subscriptions && { fullWsTransport: true, context: (_, req) => ({ req }) },
    });
  }
  return GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    path,
    graphiql: true,
    allowBatchedHttpRequests: true,
    ...(subscriptions && { subscriptions: { 'graphql-ws': true } }),
  });
}
