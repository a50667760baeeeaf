import type { E2eRequestInit } from '../client/call/draft.js';
import { FIELD_STRING } from '../client/fields/fields.js';
import { findPlaces, type Place as JsonPlace } from '../client/fields/json-places.js';
import { matches, parsePattern } from '../client/fields/patterns.js';
import { parseJson } from '../protocol/json.js';
import { E2eExpectationError } from './expectations.js';
import { findLeaks, type Place } from './leaks.js';
import { publicOf, requestPlaces, responsePlaces, type Control } from './places.js';
import { callSealed, laterPlaces, notSealed, refusesPlain, routeOf, urlOf, type Line } from './probe.js';
import type { Opened, Reading } from './reading.js';
import type { PreparedRequest } from './request.js';
import { hashesOfValues, secretsOfValue, type Secret } from './secrets.js';

type FieldOptions = NonNullable<E2eRequestInit['e2e']>;

/**
 * The opened response to a request in fields. At least one value was encrypted, and each that `answerFields` names. No
 * named value of the request, no encrypted value of the response and no hash of one can be read on the wire. The route
 * rejects the named values in the clear.
 *
 * @throws E2eExpectationError if that is not so.
 */
export async function probeFields(
  line: Line,
  request: PreparedRequest,
  options: FieldOptions,
  reading: Reading,
): Promise<Opened> {
  const body = textOf(request.init.body);
  const named = (options.fields ?? []).map(parsePattern);
  const sent = placesIn(body, (steps) => named.some((each) => matches(each, steps)));
  const hasSent = sent.length > 0;
  const before = hasSent ? await refusesPlain(line, request) : nothingPublic(line, request);
  const { opened, exchanges } = await callSealed(line, request, reading, options);
  const next = hasSent
    ? laterPlaces(before, await refusesPlain(line, request))
    : await plainPlaces(line, request, before);

  const text = textOf(opened.bytes);
  const received = exchanges.flatMap(({ responseBody }) => encryptedIn(toText(responseBody), text));
  if (sent.length + received.length === 0) {
    throw notSealed(request, 'neither its request nor its response has an encrypted value');
  }
  for (const each of (options.answerFields ?? []).map(parsePattern)) {
    // It may be inside a value that is encrypted as a whole.
    const isIn = (steps: readonly string[]) => matches({ ...each, steps: each.steps.slice(0, steps.length) }, steps);
    const isThere = each.isOptional || received.some(({ steps }) => isIn(steps));
    if (!isThere) throw notSealed(request, `its response has no encrypted value "${each.text}"`);
  }
  const secrets = [...secretsAt('body', body, sent), ...secretsAt('response', text, received)];
  const places = exchanges.flatMap((each) => [...requestPlaces(each), ...responsePlaces(each, before)]);
  const leaks = findLeaks([...secrets, ...hashesOfValues(secrets)], [...places, ...next], publicOf(before));
  if (leaks.length > 0) throw new E2eExpectationError(`${routeOf(request)} leaks:\n  ${leaks.join('\n  ')}`);
  return opened;
}

/** A handler may answer a plain request without fields, so no header of that response counts as public. */
function nothingPublic(line: Line, request: PreparedRequest): Control {
  return { url: urlOf(line, request), headers: new Headers() };
}

/** What is visible of the response to the request without a channel. */
async function plainPlaces(line: Line, request: PreparedRequest, before: Control): Promise<Place[]> {
  const { url } = before;
  const response = await globalThis.fetch(url, request.init as RequestInit);
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1');
  const headers = laterPlaces(before, { url, headers: response.headers });
  return [...headers, { name: 'the response to the plain request', text }];
}

/** The places that hold something else on the wire than in the opened body. */
function encryptedIn(wire: string, opened: string): JsonPlace[] {
  const found = placesIn(wire, (_, text) => FIELD_STRING.test(text));
  const strings = new Map(found.map(({ pointer, start, end }) => [pointer, wire.slice(start, end)]));
  return placesIn(opened, (_, text, pointer) => strings.has(pointer) && strings.get(pointer) !== text);
}

function secretsAt(whose: string, json: string, places: readonly JsonPlace[]): Secret[] {
  return places.flatMap(({ steps, start, end }) =>
    secretsOfValue(whose, JSON.parse(json.slice(start, end)), steps.join('.')),
  );
}

function placesIn(json: string, isWanted: Parameters<typeof findPlaces>[1]): JsonPlace[] {
  return parseJson(json) ? findPlaces(json, isWanted) : [];
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array()).toString();
}

function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}
