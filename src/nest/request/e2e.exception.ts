import { HttpException } from '@nestjs/common';
import type { E2eProblem } from '../../protocol/problem.js';

/** A refusal on its way through Nest: exception filters see it, but what leaves is the problem itself, whatever they make of it. */
export class E2eException extends HttpException {
  constructor(readonly problem: E2eProblem) {
    super(problem.toJSON(), problem.status);
  }
}
