import { createHash, getHashes } from 'node:crypto';
import { eventsOf } from './events.js';

/**
 * A piece of plaintext that must not be readable on the wire. All texts here are byte strings, one character for each
 * byte, so that UTF-8, Latin-1 and binary data are compared in the same way; and in lower case, so that a change of
 * case hides nothing.
 */
export interface Secret {
  /** What it is, in words that do not quote it: `the body member "title"`. */
  readonly what: string;
  readonly text: string;
  /** How many characters of it in a row are a leak; the whole of it where not said. */
  readonly window?: number;
  /** What a window must have in it. */
  readonly mustHave?: RegExp;
  /** Looked for between other characters than letters and digits only, because it is short. */
  readonly isWord?: boolean;
  /** A body as a whole, rather than one of its members. */
  readonly isWhole?: boolean;
  /** The value as it is, where a hash of it would be a leak too. */
  readonly value?: string | Uint8Array;
}

/** Shorter values are not looked for: they occur in dates, lengths and random identifiers by chance. */
export const MIN_LENGTH = 6;
/** A shorter name of a member is not looked for. */
const MIN_NAME_LENGTH = 3;
/** How much of a body's raw JSON in a row is a leak, where no single value of it is long enough. */
const RAW_WINDOW = 12;
/** It then has some of the JSON's or the form's own characters: digits alone are in dates and counters, too. */
const RAW_CHARACTERS = /["[\]{},&=]/;
const JSON_TYPE = /^application\/([\w.+-]+\+)?json$/;
const DATE = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)$/;

/** The secrets of a body, by its media type. `whose` is such as `body` or `response`. */
export function secretsOfBody(whose: string, mediaType: string, bytes: Uint8Array): Secret[] {
  if (bytes.length === 0) return [];
  const raw = Buffer.from(bytes).toString('latin1');
  const text = Buffer.from(bytes).toString('utf8');
  const type = mediaType.split(';')[0]!.trim().toLowerCase();
  const part = { what: `the ${whose}`, text: fold(raw), isWhole: true };
  const structure = { ...part, window: RAW_WINDOW, mustHave: RAW_CHARACTERS };
  if (JSON_TYPE.test(type)) {
    const value = parseJson(text);
    if (value !== undefined) return [...secretsOfValue(whose, value), structure];
  }
  if (type === 'application/x-www-form-urlencoded') {
    return [...secretsOfForm(whose, text), structure];
  }
  if (type === 'multipart/form-data') return secretsOfMultipart(whose, mediaType, raw);
  if (type === 'text/event-stream') return secretsOfEvents(whose, text);
  return [{ ...part, window: MIN_LENGTH }, ...latin1Of({ ...part, text: text.toLowerCase(), window: MIN_LENGTH })];
}

/** The secrets of a query string or a form: names and values. */
export function secretsOfForm(whose: string, search: string): Secret[] {
  return [...new URLSearchParams(search)].flatMap(([name, value]) => secretsOfValue(whose, value, name, [name]));
}

/** The names and values of a JSON value, each with its path. */
export function secretsOfValue(whose: string, value: unknown, path = '', names: readonly string[] = []): Secret[] {
  const member = path ? `${whose} member "${path}"` : whose;
  const called = names.flatMap((name) => nameSecret(`the name of the ${member}`, name));
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
    return [...called, ...valueSecret(`the ${member}`, value)];
  }
  if (typeof value !== 'object' || value === null) return called;
  const inner = Array.isArray(value)
    ? value.flatMap((each, index) => secretsOfValue(whose, each, `${path}[${index}]`))
    : Object.entries(value).flatMap(([name, each]) =>
        secretsOfValue(whose, each, path ? `${path}.${name}` : name, [name]),
      );
  return [...called, ...inner];
}

/** Hashes of a body, of the same JSON written again, and of its longer values. */
export function hashesOf(whose: string, bytes: Uint8Array, secrets: readonly Secret[]): Secret[] {
  if (bytes.length === 0) return [];
  const value = parseJson(Buffer.from(bytes).toString('utf8'));
  const wholes = [bytes, ...(typeof value === 'object' ? [JSON.stringify(value)] : [])];
  return [
    ...wholes.flatMap((whole) =>
      digestsOf(whole).flatMap(([name, digest]) => {
        const what = `the ${name} of the ${whose}`;
        const start = digest.toString('hex', 0, DIGEST_BYTES.hex);
        return [beginning(what, digest, DIGEST_BYTES.whole), { what, text: start }];
      }),
    ),
    ...hashesOfValues(secrets),
  ];
}

/** Hashes of the values among the secrets. */
export function hashesOfValues(secrets: readonly Secret[]): Secret[] {
  const values = secrets.filter(({ value }) => value !== undefined).slice(0, MAX_HASHED);
  return values.flatMap(({ what, value = '' }) =>
    digestsOf(value).map(([name, digest]) => beginning(`the ${name} of ${what}`, digest, DIGEST_BYTES.value)),
  );
}

function valueSecret(what: string, given: string | number | bigint): Secret[] {
  const value = String(given);
  if (value.length < MIN_LENGTH) return [];
  // Of a date the beginning occurs by chance, and so do the first digits of a number.
  const window = typeof given === 'string' && !DATE.test(value) ? { window: MIN_LENGTH } : {};
  const secret = { what, value, text: fold(toByteString(value)), ...window };
  return [secret, ...latin1Of({ what, text: value, ...window })];
}

function nameSecret(what: string, name: string): Secret[] {
  if (name.length < MIN_NAME_LENGTH || /^\d+$/.test(name)) return [];
  return [{ what, text: fold(toByteString(name)), isWord: name.length < MIN_LENGTH }];
}

/** The same text as it stands in a header that is written in Latin-1. */
function latin1Of(secret: Secret): Secret[] {
  // eslint-disable-next-line no-control-regex -- the range of Latin-1 that is not ASCII
  const differs = /[\u0080-\u00ff]/.test(secret.text) && !/[^\u0000-\u00ff]/.test(secret.text);
  return differs ? [{ ...secret, text: fold(secret.text) }] : [];
}

function secretsOfMultipart(whose: string, mediaType: string, raw: string): Secret[] {
  const boundary = /boundary="?([^";]+)/i.exec(mediaType)?.[1] ?? '';
  return raw.split(`--${boundary}`).flatMap((section) => {
    const at = section.indexOf('\r\n\r\n');
    if (at < 0) return [];
    const [name, filename] = [/[; ]name="([^"]*)"/, /filename="([^"]*)"/].map((each) => each.exec(section)?.[1]);
    const what = `the ${whose} part "${name}"`;
    const content = section.slice(at + 4, -2);
    return [
      { what: `the headers of ${what}`, text: fold(section.slice(0, at).trim()) },
      ...nameSecret(`the name of ${what}`, name ?? ''),
      ...nameSecret(`the file name of ${what}`, filename ?? ''),
      ...(content.length < MIN_LENGTH
        ? []
        : [{ what, text: fold(content), window: MIN_LENGTH, value: Buffer.from(content, 'latin1') }]),
    ];
  });
}

function secretsOfEvents(whose: string, text: string): Secret[] {
  return eventsOf(text).flatMap(({ type, data, lastEventId }, index) => {
    const value = parseJson(data) ?? data;
    const event = `${whose} event ${index + 1}`;
    return [
      ...secretsOfValue(event, typeof value === 'object' ? value : data),
      ...secretsOfValue(`${event}'s id`, lastEventId),
      ...(type === 'message' ? [] : nameSecret(`the name of the ${event}`, type)),
    ];
  });
}

const available = new Set(getHashes());
const HASHES = [
  'md5',
  'sha1',
  'sha224',
  'sha256',
  'sha384',
  'sha512',
  'sha512-256',
  'sha3-256',
  'sha3-512',
  'ripemd160',
  'blake2b512',
  'blake2s256',
].filter((name) => available.has(name));
/**
 * How much of a digest's beginning is searched for: so much that no random identifier has it by chance. Hex and base64
 * are decoded for the search; of a body's digest eight hex digits are enough.
 */
const DIGEST_BYTES = { hex: 4, whole: 5, value: 8 } as const;
const MAX_HASHED = 200;

function digestsOf(hashed: Uint8Array | string): [string, Buffer][] {
  return HASHES.map((name) => [name, createHash(name).update(hashed).digest()]);
}

function beginning(what: string, digest: Buffer, length: number): Secret {
  return { what, text: foldAscii(digest.toString('latin1', 0, length)) };
}

export function toByteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A byte string in lower case: by its characters where it is UTF-8, else by those of ASCII. */
export function fold(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? foldAscii(bytes) : toByteString(text.toLowerCase());
}

/** For byte strings that are no text. */
export function foldAscii(bytes: string): string {
  return bytes.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
