import type { E2eRequestInit } from '../client/call/draft.js';
import { FIELD } from '../client/fields/fields.js';
import { findPlaces, type Place as JsonPlace } from '../client/fields/json-places.js';
import { matches, parsePattern } from '../client/fields/patterns.js';
import { parseJson } from '../protocol/json.js';
import { E2eExpectationError } from './expectations.js';
import { findLeaks, type Place } from './leaks.js';
import { publicOf, requestPlaces, responsePlaces } from './places.js';
import { refusesPlain, routeOf, urlOf, type Line } from './probe.js';
import { readOpened, type Opened, type Reading } from './reading.js';
import type { PreparedRequest } from './request.js';
import { secretsOfValue, type Secret } from './secrets.js';

type FieldOptions = NonNullable<E2eRequestInit['e2e']>;

/**
 * The opened response to a request in fields. No named value of the request, and no encrypted value of the response, can
 * be read on the wire, and the route refuses the plain request or answers it without these values.
 *
 * @throws E2eExpectationError if one can be read, or the route takes the plain request.
 */
export async function probeFields(
  line: Line,
  request: PreparedRequest,
  options: FieldOptions,
  reading: Reading,
): Promise<Opened> {
  const { fields = [] } = options;
  const { body } = request.init;
  const isTaken = fields.length > 0 && body !== undefined;
  const plain = isTaken ? await refusal(line, request) : await plainAnswer(line, request);
  const { result: opened, exchanges } = await line.recorder.record(true, async () => {
    const init = { ...(request.init as RequestInit), e2e: options };
    // What is not kept cannot be looked for.
    return readOpened(await line.client.fetch(request.path, init), { ...reading, isKept: true });
  });
  const patterns = fields.map(parsePattern);
  const told = secretsOfPlaces('body', textOf(body), (steps) => patterns.some((each) => matches(each, steps)));
  const answered = exchanges.flatMap(({ responseBody }) => {
    const sealed = placesIn(toText(responseBody), (_, text) => FIELD.test(text)).map(({ pointer }) => pointer);
    return secretsOfPlaces('response', textOf(opened.bytes), (_, __, pointer) => sealed.includes(pointer));
  });
  const control = { url: urlOf(line, request), headers: new Headers() };
  const places = exchanges.flatMap((each) => [...requestPlaces(each), ...responsePlaces(each, control)]);
  const leaks = findLeaks([...told, ...answered], [...places, ...plain], publicOf(control));
  if (leaks.length > 0) throw new E2eExpectationError(`${routeOf(request)} leaks:\n  ${leaks.join('\n  ')}`);
  return opened;
}

async function refusal(line: Line, request: PreparedRequest): Promise<Place[]> {
  await refusesPlain(line, request);
  return [];
}

/** A route that takes no fields may take the plain request, but then it shows no field. */
async function plainAnswer(line: Line, request: PreparedRequest): Promise<Place[]> {
  const response = await globalThis.fetch(urlOf(line, request), request.init as RequestInit);
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1');
  return [{ name: 'the response to the plain request', text }];
}

type IsWanted = (steps: readonly string[], text: string, pointer: string) => boolean;

function secretsOfPlaces(whose: string, json: string, isWanted: IsWanted): Secret[] {
  return placesIn(json, isWanted).flatMap(({ steps, start, end }) =>
    secretsOfValue(whose, JSON.parse(json.slice(start, end)), steps.join('.')),
  );
}

function placesIn(json: string, isWanted: IsWanted): JsonPlace[] {
  return parseJson(json) ? findPlaces(json, isWanted) : [];
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array()).toString();
}

function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}
