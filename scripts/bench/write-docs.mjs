/** Puts the figures into docs/performance.md. */
export async function writeDocs() {
  throw new Error('not yet');
}
