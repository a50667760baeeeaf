// Adds up the lines of code that the suites ran, prints them by folder of src, and fails if a folder is below its floor.
// Jest writes one file a suite if COVERAGE is set: `npm run coverage`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { relative, sep } from 'node:path';

/** The part of each folder's lines that must run, in percent. */
const FLOORS = { 'src/nest': 95, 'src/channel': 95, 'src/protocol': 95, 'src/crypto': 95, 'src/client': 95 };

const root = fileURLToPath(new URL('../../', import.meta.url));
const reports = new URL('../../reports/coverage/', import.meta.url);
// A suite that is missing here would look like code that no test runs.
const expected = process.argv.slice(2);

/** @type {Map<string, Map<number, boolean>>} By file, then by line where a statement begins: whether any suite ran one there. */
const files = new Map();
const suites = existsSync(reports) ? readdirSync(reports) : [];
for (const suite of suites) {
  const covered = JSON.parse(readFileSync(new URL(`${suite}/coverage-final.json`, reports), 'utf8'));
  for (const [path, { statementMap, s }] of Object.entries(covered)) {
    const file = relative(root, path).split(sep).join('/');
    const lines = files.get(file) ?? new Map();
    files.set(file, lines);
    for (const [id, { start }] of Object.entries(statementMap)) {
      lines.set(start.line, lines.get(start.line) || s[id] > 0);
    }
  }
}

const missing = expected.filter((suite) => !suites.includes(suite));
if (missing.length > 0 || suites.length === 0) {
  console.error(`No coverage of ${missing.join(', ') || 'any suite'} in reports/coverage. Run \`npm run coverage\`.`);
  process.exit(1);
}

let isBelow = false;
console.log(`Lines of src that ran, over the suites ${suites.join(', ')}:\n`);
console.log('folder           lines     ran       %   floor');
for (const [folder, floor] of Object.entries(FLOORS)) {
  const inside = [...files].filter(([file]) => file.startsWith(`${folder}/`));
  const lines = inside.flatMap(([, ran]) => [...ran.values()]);
  const ran = lines.filter(Boolean).length;
  const percent = lines.length === 0 ? 0 : (100 * ran) / lines.length;
  const isLow = percent < floor;
  isBelow ||= isLow;
  const cells = [String(lines.length).padStart(8), String(ran).padStart(8), percent.toFixed(2).padStart(8)];
  console.log(`${folder.padEnd(14)}${cells.join('')}${String(floor).padStart(8)}${isLow ? '  BELOW' : ''}`);
}

// What to test next: the files with the most lines that no test runs.
const untested = [...files]
  .filter(([file]) => Object.keys(FLOORS).some((folder) => file.startsWith(`${folder}/`)))
  .map(([file, ran]) => ({ file, lines: [...ran].filter(([, hit]) => !hit).map(([line]) => line) }))
  .filter(({ lines }) => lines.length > 0)
  .sort((one, other) => other.lines.length - one.lines.length);
console.log('\nLines that no test runs, most first:');
for (const { file, lines } of untested.slice(0, 15)) console.log(`${file}: ${ranges(lines)}`);

if (isBelow) {
  console.error('\nA folder is below its floor: test the lines above, or delete what is not needed.');
  process.exitCode = 1;
}

/** 3, 4, 5, 9 as `3-5, 9`. */
function ranges(/** @type {number[]} */ lines) {
  /** @type {[number, number][]} */
  const found = [];
  for (const line of lines.sort((one, other) => one - other)) {
    const last = found.at(-1);
    if (last && last[1] === line - 1) last[1] = line;
    else found.push([line, line]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}
