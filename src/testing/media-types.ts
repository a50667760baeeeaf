/** The media types of files that tests send, by the end of their names. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  css: 'text/css',
  csv: 'text/csv',
  gif: 'image/gif',
  gz: 'application/gzip',
  htm: 'text/html',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'application/javascript',
  json: 'application/json',
  md: 'text/markdown',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  txt: 'text/plain',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'application/xml',
  yaml: 'text/yaml',
  zip: 'application/zip',
};
export const FORM_TYPE = 'application/x-www-form-urlencoded';
export const OCTETS_TYPE = 'application/octet-stream';

/** Short names, as superagent has them. */
const SHORT: Readonly<Record<string, string>> = {
  ...BY_EXTENSION,
  form: FORM_TYPE,
  'form-data': FORM_TYPE,
  text: 'text/plain',
  urlencoded: FORM_TYPE,
};

/** `json`, `form`, `text`, `html`, `png`, … or a media type in full. */
export function mediaTypeOf(name: string): string {
  return name.includes('/') ? name : (SHORT[name] ?? name);
}

export function mediaTypeOfFile(filename: string): string {
  return BY_EXTENSION[filename.slice(filename.lastIndexOf('.') + 1).toLowerCase()] ?? OCTETS_TYPE;
}
