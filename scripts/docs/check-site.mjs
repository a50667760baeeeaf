// Checks every link of the built documentation: a relative one leads to a file of the site, with the anchor if it names
// one, and no page needs anything from the network. Usage: node scripts/docs/check-site.mjs [FOLDER]
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const site = resolve(process.argv[2] ?? 'reference');
const pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.html'));
const texts = new Map(pages.map((path) => [join(site, path), readFileSync(join(site, path), 'utf8')]));
const anchors = new Map([...texts].map(([path, html]) => [path, new Set(valuesOf(html, /\s(?:id|name)="([^"]*)"/g))]));

const broken = [];
let count = 0;
for (const [page, html] of texts) {
  // Code shows tags as text: TypeDoc escapes them, so every `<a href` is a link.
  for (const target of valuesOf(html, /<a\b[^>]*?\shref="([^"]*)"/g)) check(page, target);
  for (const target of valuesOf(html, /<(?:img|script|source)\b[^>]*?\ssrc="([^"]*)"/g)) check(page, target, true);
  for (const target of valuesOf(html, /<link\b[^>]*?\shref="([^"]*)"/g)) check(page, target, true);
}

if (pages.length < 50) broken.push(`only ${pages.length} pages: is ${site} the documentation?`);
for (const each of broken) console.error(each);
console.log(`${pages.length} pages, ${count} links, ${broken.length} broken`);
process.exit(broken.length > 0 ? 1 : 0);

function check(page, target, isLoaded = false) {
  count++;
  const say = (what) => broken.push(`${relative(site, page)}: ${target} ${what}`);
  if (/^(?:https?:)?\/\//.test(target)) return isLoaded ? say('is loaded from the network') : undefined;
  if (/^(?:mailto|data):/.test(target)) return;
  const [path, anchor] = target.split('#');
  const file = path === '' ? page : resolve(dirname(page), decodeURIComponent(path.split('?')[0]));
  if (!file.startsWith(site)) return say('leaves the site');
  if (!existsSync(file) || statSync(file).isDirectory()) return say('does not exist');
  if (anchor && anchors.has(file) && !anchors.get(file).has(decodeURIComponent(anchor))) say('names no anchor there');
}

function valuesOf(html, pattern) {
  return [...html.matchAll(pattern)].map(([, value]) => value.replaceAll('&amp;', '&').replaceAll('&#39;', "'"));
}
