// What reads and sends bodies in frames: loaded with the first that is long, or a stream.
export { readAhead, readWhole, sourceOf } from './body.js';
export { bytesSource } from './source.js';
export { sealUpload } from './seal-upload.js';
