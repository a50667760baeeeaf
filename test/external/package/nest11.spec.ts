import { describeStacks } from './stacks.js';

describeStacks([
  { nest: 11, modules: 'CommonJS', platform: 'express' },
  { nest: 11, modules: 'CommonJS', platform: 'fastify' },
]);
