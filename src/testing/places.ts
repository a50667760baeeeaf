import { FRAME_KIND, FrameReader } from '../protocol/frames.js';
import { MESSAGE_MEDIA_TYPE, REQUEST_HEADER } from '../protocol/message.js';
import { essence, STREAM_MEDIA_TYPE } from '../protocol/media-type.js';
import type { Place } from './leaks.js';
import type { Exchange } from './wire.js';

/** What every request and response may reveal, regardless of its content. */
const COMMONPLACE = [
  'application/jose, application/vnd.e2e.stream, application/json, application/problem+json, charset=utf-8',
  'no-store, no-transform, keep-alive, timeout=, chunked, identity',
  'path=/; httponly; secure; samesite=strict; samesite=lax; max-age=; expires=; domain=; priority=high',
];
/** Headers that the runtime writes. A test can set them too, but then says what every client says. */
const OWN_REQUEST_HEADERS = [
  'accept',
  'accept-encoding',
  'accept-language',
  'connection',
  'content-length',
  'host',
].concat(['sec-fetch-mode', 'transfer-encoding', 'user-agent']);
const OWN_RESPONSE_HEADERS = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];
/** The members of a message's protected header, none of which is of the application's making (PROTOCOL §4). */
const HEADER_MEMBERS = [
  'alg',
  'enc',
  'typ',
  'kid',
  'seq',
  'iat',
  'method',
  'target',
  'idem',
  'again',
  'cty',
  'meta',
].concat(['fields', 'frames', 'length', 'ek', 'dev', 'status', 'early', 'in', 'location']);

/** The response to a plain request without a body is public, so its content is not a leak. */
export interface Control {
  readonly url: URL;
  readonly headers: Headers;
}

/** What is visible to everyone on the way, with or without sealing. */
export function publicOf({ url }: Control): string[] {
  return [...COMMONPLACE, url.pathname, decode(url.pathname), url.host];
}

export function requestPlaces({ url, requestHeaders, requestBody }: Exchange): Place[] {
  const headers = [...requestHeaders].filter(([name]) => !OWN_REQUEST_HEADERS.includes(name));
  return [
    { name: "the request's URL", text: url.search },
    ...headers.map(([name, value]) => ({
      name: `the request's header ${name}`,
      text: name === REQUEST_HEADER.toLowerCase() ? openPartsOf(value) : value,
    })),
    ...bodyPlaces("the request's", requestHeaders, requestBody),
  ];
}

export function responsePlaces(exchange: Exchange, control: Control): Place[] {
  const { responseHeaders, responseBody, reason, extra } = exchange;
  const headers = [...responseHeaders].filter(([name]) => !OWN_RESPONSE_HEADERS.includes(name));
  return [
    { name: "the response's reason phrase", text: reason },
    ...headers
      .filter(([name, value]) => control.headers.get(name) !== value)
      .map(([name, value]) => ({
        name: `the response's header ${name}`,
        // A cookie's name is the application's own, and fixed.
        text: name === 'set-cookie' ? value.slice(value.indexOf('=') + 1) : value,
        known: control.headers.get(name) ?? '',
      })),
    ...extra.map(({ where, name, value }) => ({ name: `the response's ${where}, ${name.toLowerCase()}`, text: value })),
    ...bodyPlaces("the response's", responseHeaders, responseBody),
  ].filter(({ text }) => text !== '');
}

/** Whether a body of that type is a message, alone or followed by frames. */
export function isSealedType(headers: Headers): boolean {
  return [MESSAGE_MEDIA_TYPE, STREAM_MEDIA_TYPE].includes(typeOf(headers));
}

function typeOf(headers: Headers): string {
  return essence(headers.get('content-type') ?? '');
}

function bodyPlaces(whose: string, headers: Headers, body: string): Place[] {
  const name = `${whose} body`;
  if (typeOf(headers) === MESSAGE_MEDIA_TYPE) return [{ name, text: openPartsOf(body) }];
  if (typeOf(headers) !== STREAM_MEDIA_TYPE) return [{ name, text: body }];
  const end = body.indexOf('\n');
  const [head, frames] = [body.slice(0, end), body.slice(end + 1)];
  // Content outside frames is searched like any other. Frames are ciphertext, or look like it.
  if (end < 0 || !areFrames(frames)) return [{ name, text: body }];
  return [
    { name, text: openPartsOf(head) },
    { name: `${whose} frames`, text: frames, isCiphertext: true },
  ];
}

/** Whether there is nothing but frames; the last one may be cut off. */
function areFrames(bytes: string): boolean {
  const reader = new FrameReader(undefined);
  try {
    for (const { kind, ciphertext } of reader.push(Buffer.from(bytes, 'latin1'))) {
      if (kind !== FRAME_KIND.failed) reader.accept(kind, ciphertext.length);
    }
    return true;
  } catch {
    return false;
  }
}

/** What of a message is not ciphertext and not the protocol's own. */
function openPartsOf(message: string): string {
  const [header = '', ...rest] = message.split('.');
  if (rest.length !== 4) return message;
  try {
    const members = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
    const others = Object.entries(members).filter(([name]) => !HEADER_MEMBERS.includes(name));
    return others.length > 0 ? JSON.stringify(Object.fromEntries(others)) : '';
  } catch {
    return message;
  }
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
