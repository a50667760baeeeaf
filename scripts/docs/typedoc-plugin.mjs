// Names each page of docs/ by its heading instead of its path, and puts the pages into the groups that the README lists.
import { readFileSync } from 'node:fs';
import { Converter, PageEvent } from 'typedoc';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The groups under "Documentation" in the README, by the path of each page. */
const groups = new Map(
  [...readme.matchAll(/^- \*\*(.+?)\*\*: ([^]*?)(?=^- |^#|\n\n)/gm)].flatMap(([, group, links]) =>
    [...links.matchAll(/\]\(([\w./-]+\.md)\)/g)].map(([, path]) => [path, group]),
  ),
);

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const path = document.name.replace(/\.md$/, '');
    const title = /^# (.+)$/m.exec(document.content.map(({ text }) => text).join(''))?.[1].replaceAll('`', '');
    const group = path.includes('decisions/') ? 'Decisions' : (groups.get(`${path}.md`) ?? 'Carry it on');
    document.frontmatter = { ...document.frontmatter, group };
    if (title) document.name = title;
  });
  app.renderer.on(PageEvent.END, (page) => {
    if (!page.contents) return;
    // A link to a heading of the README ends at a folder, which has no page when the site is opened from a disk.
    page.contents = page.contents.replace(/href="((?:\.\.\/)+)(?=[#"])/g, 'href="$1index.html');
    // The README has a title of its own.
    if (page.url === 'index.html') {
      page.contents = page.contents.replace(/<div class="tsd-page-title">[^]*?<\/div>/, '');
    }
  });
}
