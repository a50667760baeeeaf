import { describeStacks } from './stacks.js';

describeStacks([
  { nest: 12, modules: 'ES', platform: 'express' },
  { nest: 12, modules: 'ES', platform: 'fastify' },
  { nest: 12, modules: 'CommonJS', platform: 'express' },
  { nest: 12, modules: 'CommonJS', platform: 'fastify' },
]);
