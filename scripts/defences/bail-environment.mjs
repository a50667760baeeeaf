import { TestEnvironment } from 'jest-environment-node';

/** Skips the tests that follow a failure: one is enough, and each further one may take until its timeout. */
export default class BailEnvironment extends TestEnvironment {
  #failed = false;

  handleTestEvent({ name, test }) {
    if (name === 'test_fn_failure') this.#failed = true;
    if (name === 'test_start' && this.#failed) test.mode = 'skip';
  }
}
