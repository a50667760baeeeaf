/**
 * This file's URL. The compiler has no CommonJS for it: scripts/package/finish-build.mjs puts in what stands for it there.
 */
// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- it is an error in one build of the two
// @ts-ignore -- an error in the CommonJS build alone
export const HERE: string = import.meta.url;
