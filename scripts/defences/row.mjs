/**
 * A defence: its name, the test that must fail without it, the tests of that file that run (a regular expression over
 * names), and the edits that remove the defence: file, the code there, the code that replaces it.
 */
export const row = (name, test, only, ...edits) => ({ name, test, only, edits });
