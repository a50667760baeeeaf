// What tsc leaves to do after the two builds: the CommonJS tree must say that it is one, inside a package of ES modules.
import { writeFileSync } from 'node:fs';

writeFileSync(new URL('../dist/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');
