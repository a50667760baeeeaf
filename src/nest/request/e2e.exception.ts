import { HttpException } from '@nestjs/common';
import type { E2eProblem } from '../../protocol/problem.js';

/**
 * A refusal on its way through Nest. Exception filters see it, but the problem itself is sent, whatever they return.
 *
 * @example
 * ```ts
 * @Catch(E2eException)
 * export class RefusalLogger extends BaseExceptionFilter {
 *   private readonly logger = new Logger('E2E');
 *
 *   override catch(exception: E2eException, host: ArgumentsHost) {
 *     this.logger.debug(`${exception.problem.code}, ${exception.problem.step}`);
 *     super.catch(exception, host);
 *   }
 * }
 * ```
 */
export class E2eException extends HttpException {
  constructor(readonly problem: E2eProblem) {
    super(problem.toJSON(), problem.status);
  }
}
