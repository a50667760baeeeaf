// Jest's transformer for TypeScript: SWC, and with coverage the counters before it. Counted after SWC, as Jest does it
// by itself, lines that run are missing: the source map has no place for many statements.
import { createInstrumenter } from 'istanbul-lib-instrument';
import swc from '@swc/jest';

const parserPlugins = ['typescript', 'decorators-legacy'];

export default {
  createTransformer(options) {
    const { process, processAsync, getCacheKey } = swc.createTransformer(options);
    return {
      canInstrument: true,
      process: (source, path, call) => process(counted(source, path, call), path, call),
      processAsync: (source, path, call) => processAsync(counted(source, path, call), path, call),
      getCacheKey: (source, path, call) => `${getCacheKey(source, path, call)}${call.instrument ? 'c' : ''}`,
    };
  },
};

/** The source with a counter at each statement, if Jest counts this file. */
function counted(source, path, { instrument }) {
  if (!instrument) return source;
  return createInstrumenter({ esModules: true, compact: false, parserPlugins }).instrumentSync(source, path);
}
