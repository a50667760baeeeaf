/** A fenced code block, and the line of its fence, from 1. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** What a comment `<!-- ts: … -->` right above the fence adds for the compiler alone. */
  readonly prelude: string;
  readonly line: number;
  /** The file that the block is to become, where the line above ends with its name: "`src/main.ts`:". */
  readonly file: string | undefined;
  /** The heading that the block is under. */
  readonly heading: string;
}

export function codeBlocks(markdown: string): CodeBlock[] {
  const fence = /(?:<!-- ts:([^]*?)-->\s*\n)?^```(\w*)[^\n]*\n([^]*?)^```$/gm;
  return [...markdown.matchAll(fence)].map(([whole, prelude = '', language = '', code = ''], index, all) => {
    const before = markdown.slice(0, all[index]!.index);
    return {
      language,
      code,
      prelude: prelude.trim(),
      line: (before + whole.slice(0, whole.indexOf('```'))).split('\n').length,
      file: /`([\w./-]+\.(?:m?[jt]s|tsx|vue|json|html))`[^`\n]*:\s*$/.exec(before)?.[1],
      heading: [...withoutFences(before).matchAll(/^#+ +(.+)$/gm)].pop()?.[1] ?? '',
    };
  });
}

/** The targets of all links and images, code left out. */
export function links(markdown: string): string[] {
  return [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** The anchors that the headings get on GitHub. */
export function anchors(markdown: string): string[] {
  return [...withoutFences(markdown).matchAll(/^#+ +(.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}

/** The first column of the table whose header row begins with `title`, without its backticks. */
export function firstColumn(markdown: string, title: string): string[] {
  const lines = markdown.split('\n');
  const header = lines.findIndex((line) => new RegExp(`^\\| *${title} *\\|`).test(line));
  const rows = header < 0 ? [] : lines.slice(header + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end < 0 ? undefined : end).map((row) => row.split('|')[1]!.replaceAll('`', '').trim());
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^```[^]*?^```$/gm, '');
}

function withoutCode(markdown: string): string {
  return withoutFences(markdown).replace(/`[^`\n]*`/g, '');
}
