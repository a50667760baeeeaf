/**
 * A defence: its name, the test that must fail without it, which of that file's tests (a regular expression), and how it
 * is taken away: file, what stands there, what stands there instead.
 */
export const row = (name, test, only, ...edits) => ({ name, test, only, edits });
