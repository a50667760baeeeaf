import { describe, expect, it } from '@jest/globals';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { addFirstHook } from '../../../src/nest/platform/fastify-internals.js';

describe('A hook before all others', () => {
  const hook = (): undefined => undefined;
  const instanceOf = (): object => new FastifyAdapter().getInstance();
  const symbolsOf = (instance: object): symbol[] => Object.getOwnPropertySymbols(instance);

  it('is added to a Fastify that keeps its hooks as this one does', () => {
    expect(() => addFirstHook(instanceOf(), hook)).not.toThrow();
  });

  it.each(['fastify.hooks', 'fastify.children'])('stops the start of one that has no %s', (description) => {
    const instance = instanceOf() as Record<symbol, unknown>;
    const symbol = symbolsOf(instance).find((each) => each.description === description)!;
    instance[symbol] = {};
    expect(() => addFirstHook(instance, hook)).toThrow('not found');
    const bare = {};
    expect(() => addFirstHook(bare, hook)).toThrow('not found');
  });
});
