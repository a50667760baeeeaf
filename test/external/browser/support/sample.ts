import { afterAll, beforeAll } from '@jest/globals';
import { startSample, type Sample } from '../../conformance/server.js';

/** One run of the sample, as people run it, for the tests of a file. */
export function useSample(): () => Sample {
  let sample: Sample | undefined;
  beforeAll(async () => {
    sample = await startSample();
  });
  afterAll(() => sample?.stop());
  return () => {
    if (!sample) throw new Error('the sample is not running');
    return sample;
  };
}
