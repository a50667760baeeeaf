/**
 * This file's URL. The compiler cannot translate it to CommonJS, so scripts/package/finish-build.mjs replaces it there.
 */
// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- it is an error in one build of the two
// @ts-ignore -- an error in the CommonJS build alone
export const HERE: string = import.meta.url;
