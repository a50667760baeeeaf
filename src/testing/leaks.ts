import type { Exchange } from './wire.js';

/** A value that must not be readable on the wire, and where in the body or the query it stood. */
export interface Secret {
  /** Such as `title`, `items[2].name`. */
  readonly member: string;
  readonly value: string;
}

/** Shorter values are not looked for: they stand in ciphertext by chance, and in dates and lengths. */
export const MIN_LENGTH = 6;

/** The values of a JSON value, each with its path. */
export function secretsOf(value: unknown, member = ''): Secret[] {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
    const text = String(value);
    return text.length < MIN_LENGTH ? [] : [{ member: member || '(the whole)', value: text }];
  }
  if (Array.isArray(value)) return value.flatMap((each, index) => secretsOf(each, `${member}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => secretsOf(each, member ? `${member}.${name}` : name));
}

/** Where each exchange shows one of the secrets, in words that name the member and not its value. */
export function findLeaks(whose: string, secrets: readonly Secret[], places: readonly [string, string][]): string[] {
  return secrets.flatMap(({ member, value }) => {
    const spellings = spellingsOf(value);
    return places
      .filter(([, text]) => spellings.some((spelling) => text.includes(spelling)))
      .map(([place]) => `${whose} "${member}" can be read in ${place}`);
  });
}

export function requestPlaces({ url, requestHeaders, requestBody }: Exchange): [string, string][] {
  return [
    ["the request's URL", url],
    ...[...requestHeaders].map(([name, value]): [string, string] => [`the request's header ${name}`, value]),
    ["the request's body", requestBody],
  ];
}

export function responsePlaces({ responseHeaders, responseBody }: Exchange): [string, string][] {
  return [
    ...[...responseHeaders].map(([name, value]): [string, string] => [`the answer's header ${name}`, value]),
    ["the answer's body", responseBody],
  ];
}

/** A value as it stands in text, JSON, URLs and forms, and in base64 of whatever it may be part of. */
function spellingsOf(value: string): string[] {
  const url = encodeURIComponent(value);
  const json = JSON.stringify(value).slice(1, -1);
  return [...new Set([value, json, url, url.replaceAll('%20', '+'), encodeURI(value), ...base64(value)])];
}

/** The part that is the same whatever stands around it, for each of the three ways to fall into groups of three bytes. */
function base64(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const end = Math.floor(((offset + bytes.length) * 4) / 3);
    const core = text.slice(Math.ceil((offset * 4) / 3), end);
    return core.length < MIN_LENGTH ? [] : [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
