// What tsc leaves to do after the two builds: the CommonJS tree must say that it is one, inside a package of ES modules.
import { readFileSync, writeFileSync } from 'node:fs';

writeFileSync(new URL('../../dist/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');

// And CommonJS has a name of its own for where a file is.
const here = new URL('../../dist/cjs/nest/options/here.js', import.meta.url);
const text = readFileSync(here, 'utf8');
writeFileSync(here, text.replace('import.meta.url', "require('node:url').pathToFileURL(__filename).href"));
