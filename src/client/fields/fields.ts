// Single fields of a plain body (PROTOCOL §10). Loaded with the first call that has some.
import {
  FIELD_INFO,
  fieldPlaintext,
  parseFieldHeader,
  renderFieldHeader,
  REQUEST_FIELDS_INFO,
  RESPONSE_FIELDS_INFO,
} from '../../protocol/field.js';
import { fromUtf8, parseJson, utf8 } from '../../protocol/json.js';
import { FIELDS_HEADER, isJson, MAX_REQUEST_HEADER_BYTES } from '../../protocol/media-type.js';
import { throwIfAborted } from '../abort.js';
import type { CallResult, SentRequest } from '../call/answer.js';
import { readBytes } from '../call/bytes.js';
import { tooLarge, toResult, unopened } from '../call/opened.js';
import type { PreparedRequest, WireRequest } from '../call/outgoing.js';
import type { Channel, OpenedAnswer } from '../channel/channel.js';
import { decodeJwe, sealJwe } from '../channel/encoding.js';
import type { StreamKey } from '../channel/stream-key.js';
import { failure } from '../errors.js';
import type { Settings } from '../options.js';
import { findPlaces, replacePlaces, type Place } from './json-places.js';
import { isMissing, matches, parsePattern, type Pattern } from './patterns.js';

/**
 * The request with its body in plain and single fields of it sealed. Its message is their ticket.
 *
 * @throws E2eClientError `request-unsupported` if a value is missing, the body is not JSON, or the ticket does not fit.
 */
export async function sealFields(
  { request, claim: { channel, seq }, url, init, binding, meta }: PreparedRequest,
  body: Uint8Array | undefined,
  wanted: readonly string[],
): Promise<WireRequest> {
  const fields = await findFields(body, request.mediaType, wanted);
  const ticket = await channel.seal(seq, { ...binding, fields: fields.count }, meta, new Uint8Array(0));
  throwIfAborted(request.signal);
  if (ticket === undefined || ticket.length > MAX_REQUEST_HEADER_BYTES) {
    throw await failure('request-unsupported', 'long');
  }
  init.headers.set(FIELDS_HEADER, ticket);
  return { url, init: { ...init, body: (await fields.seal(channel, ticket)) ?? init.body ?? null }, ticket };
}

/**
 * A body whose fields were found, but are not sealed yet: the ticket, from which their key is derived, has their
 * number.
 */
interface FoundFields {
  readonly count: number;
  /** The body with its fields sealed. */
  readonly seal: (channel: Channel, ticket: string) => Promise<string | undefined>;
}

/**
 * Finds the fields of a request's body.
 *
 * @throws E2eClientError `request-unsupported` if a value is missing, or the body is not JSON.
 */
async function findFields(
  body: Uint8Array | undefined,
  mediaType: string | undefined,
  wanted: readonly string[],
): Promise<FoundFields> {
  if (!body) {
    const needed = wanted.map(parsePattern).find(({ isOptional }) => !isOptional);
    if (needed) throw await failure('request-unsupported', 'fieldMissing', { pattern: needed.text });
    return { count: 0, seal: () => Promise.resolve(undefined) };
  }
  if (wanted.length === 0) return { count: 0, seal: () => Promise.resolve(undefined) };
  const json = readText(body);
  const parsed = json === undefined ? undefined : parseJson(json);
  if (!isJson(mediaType ?? '') || !parsed) throw await failure('request-unsupported', 'fieldBody');
  const patterns = wanted.map(parsePattern);
  const missing = patterns.find((pattern) => !pattern.isOptional && isMissing(parsed.value, pattern));
  if (missing) throw await failure('request-unsupported', 'fieldMissing', { pattern: missing.text });
  const places = findPlaces(json!, (steps) => patterns.some((pattern) => matches(pattern, steps)));
  return {
    count: places.length,
    async seal(channel, ticket) {
      const key = await channel.deriveKey(REQUEST_FIELDS_INFO, ticket, FIELD_INFO);
      const fields = await Promise.all(
        places.map((place) => sealField(key, place.pointer, json!.slice(place.start, place.end))),
      );
      return replacePlaces(
        json!,
        places,
        fields.map((field) => JSON.stringify(field)),
      );
    },
  };
}

async function sealField(key: StreamKey, path: string, json: string): Promise<string> {
  const field = await sealJwe(key, renderFieldHeader(path), fieldPlaintext(json));
  if (field === undefined) throw await failure('request-unsupported', 'long');
  return field;
}

/** A response in fields: the content of its ticket, and the body with its fields opened. */
export interface OpenedFields {
  readonly opened: OpenedAnswer;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A plain body with a ticket that authenticates its status and its sealed fields, as its caller gets it. */
export async function readFields(
  wire: Response,
  { request, claim: { channel, seq }, ticket: own }: SentRequest,
  { maxResponseSize, sealedResponseHeaders }: Settings,
): Promise<CallResult> {
  const body = await readBytes(wire, maxResponseSize);
  if (!body) return tooLarge(maxResponseSize);
  const ticket = wire.headers.get(FIELDS_HEADER)!;
  const mediaType = wire.headers.get('content-type') ?? '';
  const wanted = { ticket: own!, answerFields: request.e2e.answerFields ?? [] };
  const found = await openFields(channel, seq, wanted, { ticket, status: wire.status, mediaType, body });
  if (!found) return unopened(request);
  return toResult(wire, found.opened, found.body, found.body.length, sealedResponseHeaders);
}

/**
 * Opens a response in fields, or returns `undefined` for any failure.
 *
 * @param request the ticket of the request, and the patterns of values that must not be plain.
 */
export async function openFields(
  channel: Channel,
  seq: number,
  request: { readonly ticket: string; readonly answerFields: readonly string[] },
  wire: {
    readonly ticket: string;
    readonly status: number;
    readonly mediaType: string;
    readonly body: Uint8Array<ArrayBuffer>;
  },
): Promise<OpenedFields | undefined> {
  const opened = await channel.open(seq, wire.ticket);
  const count = opened?.header.fields;
  if (count === undefined || opened!.header.status !== wire.status) return undefined;
  const patterns = request.answerFields.map(parsePattern);
  const json = isJson(wire.mediaType) ? readText(wire.body) : undefined;
  const isReadable = json !== undefined && parseJson(json) !== undefined;
  if (!isReadable) return count === 0 && patterns.length === 0 ? whole(opened!, wire) : undefined;

  const key = await channel.deriveKey(RESPONSE_FIELDS_INFO, request.ticket, FIELD_INFO);
  const candidates = findPlaces(json, (_, text) => FIELD_STRING.test(text));
  const values = await Promise.all(
    candidates.map(({ pointer, start, end }) => openField(key, pointer, json.slice(start + 1, end - 1))),
  );
  const isField = (_: unknown, index: number): boolean => values[index] !== undefined;
  const places = candidates.filter(isField);
  if (places.length !== count || hasPlain(json, places, patterns)) return undefined;
  const text = replacePlaces(
    json,
    places,
    values.filter((value) => value !== undefined),
  );
  return whole(opened!, { ...wire, body: utf8(text) });
}

/** A JSON string that may be a field, as every writer of JSON writes it. */
export const FIELD_STRING = /^"[\w-]+\.\.[\w-]+\.[\w-]*\.[\w-]+"$/;

async function openField({ engine, key }: StreamKey, path: string, text: string): Promise<string | undefined> {
  const jwe = decodeJwe(engine, text);
  if (!jwe || jwe.encryptedKey.length > 0 || parseFieldHeader(jwe.header) !== path) return undefined;
  const plaintext = await engine.open(key, jwe.iv, jwe.aad, jwe.ciphertext, jwe.tag);
  const json = plaintext && readText(plaintext);
  return json !== undefined && parseJson(json) ? json.trim() : undefined;
}

/** Whether a value that must be sealed is plain. */
function hasPlain(json: string, sealed: readonly Place[], patterns: readonly Pattern[]): boolean {
  if (patterns.length === 0) return false;
  const isSealed = (steps: readonly string[]) => sealed.some((place) => startsWith(steps, place.steps));
  const plain = findPlaces(json, (steps) => patterns.some((pattern) => matches(pattern, steps)) && !isSealed(steps));
  return plain.length > 0;
}

function startsWith(steps: readonly string[], start: readonly string[]): boolean {
  return start.every((step, index) => steps[index] === step);
}

/** The media type is outside, with the body that it describes. */
function whole(
  { header, ...opened }: OpenedAnswer,
  { mediaType, body }: { readonly mediaType: string; readonly body: Uint8Array<ArrayBuffer> },
): OpenedFields {
  return { opened: { ...opened, header: { ...header, ...(mediaType && { cty: mediaType }) } }, body };
}

function readText(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch {
    return undefined;
  }
}
