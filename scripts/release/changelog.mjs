// What a release does to CHANGELOG.md and to the version, without files and without git.

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/;
const HEAD = '## [Unreleased]\n';

/**
 * The version that follows, by `patch`, `minor`, `major` or itself.
 *
 * @param {string} current
 * @param {string} wanted
 * @returns {string | undefined} nothing where it is not a version above the current one.
 */
export function nextVersion(current, wanted) {
  const [major, minor, patch] = partsOf(current) ?? [0, 0, 0];
  if (wanted === 'major') return `${major + 1}.0.0`;
  if (wanted === 'minor') return `${major}.${minor + 1}.0`;
  if (wanted === 'patch') return `${major}.${minor}.${patch + 1}`;
  const parts = partsOf(wanted);
  if (!parts) return undefined;
  const [one, two, three] = parts;
  const isAbove = one !== major ? one > major : two !== minor ? two > minor : three > patch;
  return isAbove ? wanted : undefined;
}

/**
 * Gives what is under "Unreleased" a version and a date, below a new, empty "Unreleased".
 *
 * @param {string} text
 * @param {string} version
 * @param {string} date as YYYY-MM-DD.
 * @returns {{ text: string, section: string } | undefined} nothing where the section is missing, or says nothing.
 */
export function releaseChangelog(text, version, date) {
  const start = text.indexOf(`\n${HEAD}`) + 1;
  if (start === 0) return undefined;
  const body = start + HEAD.length;
  const next = text.indexOf('\n## ', body);
  const end = next < 0 ? text.length : next + 1;
  const content = text.slice(body, end);
  // A heading alone says nothing.
  if (!/^- \S/m.test(content)) return undefined;
  const section = `## [${version}] - ${date}\n${content}`;
  return { text: `${text.slice(0, body)}\n${section}${text.slice(end)}`, section };
}

/** @param {string} version */
function partsOf(version) {
  return VERSION.exec(version)?.slice(1).map(Number);
}
