// Single fields (PROTOCOL §10).
import { row } from '../row.mjs';

const ROWS = 'test/security/attack/proxy.spec.ts';
const FIELDS = 'test/integration/fields/fields.spec.ts';
const AROUND = 'test/integration/fields/ways-around.spec.ts';
const ANSWERS = 'test/integration/fields/answers.spec.ts';
const EXCHANGE = 'src/nest/exchange/field-exchange.ts';

export const fields = [
  row('a field names its place', ROWS, 'express.*swaps two fields', [
    'src/channel/fields.ts',
    'if (parseFieldHeader(fromUtf8(header)) !== path) return undefined;',
    'if (parseFieldHeader(fromUtf8(header)) === undefined) return undefined;',
  ]),
  row('a field belongs to its ticket', ROWS, 'express.*puts the fields, or the ticket', [
    'src/channel/fields.ts',
    'this.#salt = engine.sha256(ascii(ticket));',
    'this.#salt = engine.sha256(ascii(ticket.slice(0, 0)));',
  ]),
  row('a ticket says how many fields there are', ROWS, 'express.*removes a field', [
    EXCHANGE,
    'if (opened.size !== count) throw',
    'if (opened.size > count) throw',
  ]),
  row('a plain value is never taken for a field', ROWS, 'express.*puts a plain value', [
    EXCHANGE,
    "if (typeof given !== 'string' || given.split('.', 6).length !== 5) {",
    "if (typeof given !== 'string') {\n          opened.add(path);\n          continue;\n        }\n        if (given.split('.', 6).length !== 5) {",
  ]),
  row('a field is taken under none of its names in the clear', ROWS, 'express.*puts a plain value', [
    'src/fields/class-types.ts',
    '.flatMap(([property]) => [property, ...otherNames(type, property)]);',
    '.flatMap(([property]) => otherNames(type, property));',
  ]),
  row('a route with fields takes no plain request', ROWS, 'express.*removes the ticket', [
    EXCHANGE,
    'if (isFree) return;',
    'if (isFree || fields) return;',
  ]),
  row('fields are taken from JSON that is parsed by now', ROWS, 'express.*as a form', [
    EXCHANGE,
    'return isJson(type) && ((isObject(body) && !ArrayBuffer.isView(body)) || !hasBody(raw));',
    "return type !== '' || isJson(type);",
  ]),
  row('text is never taken for an object with fields', AROUND, 'express.*text for an element', [
    EXCHANGE,
    'if (hasText(body, route)) {',
    'if (!route && hasText(body, route)) {',
  ]),
  row('a field has the names of its ancestors, too', AROUND, 'express.*names of its ancestors', [
    'src/fields/class-types.ts',
    'const names = ancestors(type).map(',
    'const names = [type].map(',
  ]),
  row('each route that a request reaches checks its fields', AROUND, 'express.*each route', [
    EXCHANGE,
    'if (earlier?.route === route) return;',
    'if (earlier) return;',
  ]),
  row('the shape of a body is checked before its fields', AROUND, 'express.*checks the shape', [
    EXCHANGE,
    '    rejectUnsafeShape(body, this.keys.options.maxBodyDepth);\n    if (hasText',
    '    if (hasText',
  ]),
  row('no field leaves a route that answers in the clear', ANSWERS, 'express.*answers in the clear', [
    EXCHANGE,
    '!capture?.released',
    'true',
  ]),
  row('a ticket stands in its own header field alone', ROWS, 'express.*a ticket as a message', [
    'src/channel/channels.ts',
    "if (isTicket !== (place === 'fields')) throw",
    "if (isTicket !== (place === 'fields') && place === 'stream') throw",
  ]),
  row('a route that takes sealed requests takes no ticket', FIELDS, 'express.*declared so', [
    'src/nest/exchange/exchange.ts',
    "const takesPlain = !route.request && (route.response || found.place === 'fields');",
    "const takesPlain = found.place === 'fields' || (!route.request && route.response);",
  ]),
  row('every error is sealed whole', ROWS, 'express.*looks for the values', [
    'src/nest/exchange/sealed-answer.ts',
    'return fields !== undefined && status >= 200 && status < 300 && allowsBody(status);',
    'return fields !== undefined && allowsBody(status);',
  ]),
  row('no field leaves to a request without a channel', FIELDS, 'express.*in place of a field', [
    EXCHANGE,
    'if (!fields) throw new InternalServerErrorException(this.#withheld(raw, path));',
    'if (!fields) return String(member);',
  ]),
  row('a serializer hides fields', FIELDS, 'express.*in place of a field', [
    'src/fields/encrypted-field.decorator.ts',
    'return withSerializing(true, () => serialize.apply(this, given));',
    'return withSerializing(false, () => serialize.apply(this, given));',
  ]),
  row('the client counts the fields of a response', ROWS, 'express.*changes a response in fields', [
    'src/client/fields/fields.ts',
    'if (places.length !== count || hasPlain(',
    'if (hasPlain(',
  ]),
  row('the client takes no other status than the ticket has', ROWS, 'express.*changes a response in fields', [
    'src/client/fields/fields.ts',
    'if (count === undefined || opened!.header.status !== wire.status) return undefined;',
    'if (count === undefined) return undefined;',
  ]),
  row('answerFields are never taken in the clear', ROWS, 'express.*adds a plain member', [
    'src/client/fields/fields.ts',
    'if (patterns.length === 0) return false;',
    'if (patterns.length >= 0) return false;',
  ]),
  row('a misspelled field is not sent in the clear', FIELDS, 'express.*which value is missing', [
    'src/client/fields/patterns.ts',
    'return !Object.hasOwn(value, step) || isMissing(',
    'return Object.hasOwn(value, step) && isMissing(',
  ]),
];

const DEBUG = 'test/integration/e2e/debug.spec.ts';

export const debug = [
  row('plaintext is kept for nobody in production', DEBUG, 'express.*refused in production', [
    'src/client/debug/recorder.ts',
    "if (environment === 'production') throw",
    "if (environment === 'never') throw",
  ]),
  row('plaintext is kept on pages of localhost', DEBUG, 'staging', [
    'src/client/debug/recorder.ts',
    'if (!LOCAL.test(location.hostname)) {',
    "if (LOCAL.test('')) {",
  ]),
  row('few calls are kept', DEBUG, 'express.*last 50', [
    'src/client/debug/calls.ts',
    'if (calls.length > MAX_CALLS) calls.shift();',
    '',
  ]),
];
