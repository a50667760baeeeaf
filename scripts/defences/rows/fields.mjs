// Single fields (PROTOCOL §10).
import { row } from '../row.mjs';

const ROWS = 'test/security/attack/proxy.spec.ts';
const FIELDS = 'test/integration/fields/fields.spec.ts';
const AROUND = 'test/integration/fields/ways-around.spec.ts';
const ANSWERS = 'test/integration/fields/answers.spec.ts';
const EXCHANGE = 'src/nest/exchange/field-exchange.ts';

export const fields = [
  row('a field is bound to its path', ROWS, 'express.*swaps two fields', [
    'src/channel/fields.ts',
    'if (parseFieldHeader(fromUtf8(header)) !== path) return undefined;',
    'if (parseFieldHeader(fromUtf8(header)) === undefined) return undefined;',
  ]),
  row('a field is bound to its ticket', ROWS, 'express.*puts the fields, or the ticket', [
    'src/channel/fields.ts',
    'this.#salt = engine.sha256(ascii(ticket));',
    'this.#salt = engine.sha256(ascii(ticket.slice(0, 0)));',
  ]),
  row('a ticket states the number of fields', ROWS, 'express.*removes a field', [
    EXCHANGE,
    'if (opened.size !== count) throw',
    'if (opened.size > count) throw',
  ]),
  row('a plain value is never accepted as a field', ROWS, 'express.*puts a plain value', [
    EXCHANGE,
    "if (typeof given !== 'string' || given.split('.', 6).length !== 5) {",
    "if (typeof given !== 'string') {\n          opened.add(path);\n          continue;\n        }\n        if (given.split('.', 6).length !== 5) {",
  ]),
  row('a plain field is rejected under each of its names', ROWS, 'express.*puts a plain value', [
    'src/fields/class-types.ts',
    '.flatMap(([property]) => jsonNames(type, property));',
    '.flatMap(([property]) => jsonNames(type, property).slice(1));',
  ]),
  row('a route with fields rejects requests without a ticket', ROWS, 'express.*removes the ticket', [
    EXCHANGE,
    "'client.fetch() and the option e2e.fields.',\n    );\n    throw new E2eProblem('message-required', { step: 'field' });",
    "'client.fetch() and the option e2e.fields.',\n    );",
  ]),
  row('fields are accepted only in parsed JSON', ROWS, 'express.*as a form', [
    EXCHANGE,
    'return isJson(type) && ((isObject(body) && !ArrayBuffer.isView(body)) || !hasBody(raw));',
    "return type !== '' || isJson(type);",
  ]),
  row('a string is never accepted as an object with fields', AROUND, 'express.*text for an element', [
    EXCHANGE,
    'if (hasText(body, route)) {',
    'if (!route && hasText(body, route)) {',
  ]),
  row('a field also has the names that its base classes give it', AROUND, 'express.*names of its ancestors', [
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
  row('no field leaves a route with plain responses', ANSWERS, 'express.*answers in the clear', [
    EXCHANGE,
    '!capture?.released',
    'true',
  ]),
  row('a ticket is accepted only in its own header field', ROWS, 'express.*a ticket as a message', [
    'src/channel/message-reader.ts',
    "if (isTicket !== (place === 'fields')) throw",
    "if (isTicket !== (place === 'fields') && place === 'stream') throw",
  ]),
  row('a route for sealed requests rejects tickets', FIELDS, 'express.*declared so', [
    'src/nest/exchange/exchange.ts',
    "const takesPlain = !route.request && (route.response || found.place === 'fields');",
    "const takesPlain = found.place === 'fields' || (!route.request && route.response);",
  ]),
  row('an error response is sealed as a whole', ANSWERS, 'express.*with the status of an error', [
    'src/nest/exchange/sealed-answer.ts',
    'return fields !== undefined && status >= 200 && status < 300 && allowsBody(status);',
    'return fields !== undefined && allowsBody(status);',
  ]),
  row('no field is sent to a request without a channel', FIELDS, 'express.*in place of a field', [
    EXCHANGE,
    'if (!fields) throw new InternalServerErrorException(this.#withheld(route, path));',
    'if (!fields) return String(member);',
  ]),
  row("a serializer's excluded fields stay hidden", FIELDS, 'express.*in place of a field', [
    'src/fields/encrypted-field.decorator.ts',
    'return withSerializing(true, () => serialize.apply(this, given));',
    'return withSerializing(false, () => serialize.apply(this, given));',
  ]),
  row('the client counts the fields of a response', ROWS, 'express.*changes a response in fields', [
    'src/client/fields/fields.ts',
    'if (places.length !== count || hasPlain(',
    'if (hasPlain(',
  ]),
  row("the client accepts only the ticket's status", ROWS, 'express.*changes a response in fields', [
    'src/client/fields/fields.ts',
    'if (count === undefined || opened!.header.status !== wire.status) return undefined;',
    'if (count === undefined) return undefined;',
  ]),
  row('answerFields are never accepted as plain values', ROWS, 'express.*adds a plain member', [
    'src/client/fields/fields.ts',
    'if (patterns.length === 0) return false;',
    'if (patterns.length >= 0) return false;',
  ]),
  row('a misspelled field is never sent as plain text', FIELDS, 'express.*which value is missing', [
    'src/client/fields/patterns.ts',
    'return !Object.hasOwn(value, step) || isMissing(',
    'return Object.hasOwn(value, step) && isMissing(',
  ]),
];

const DEBUG = 'test/integration/e2e/debug.spec.ts';

export const debug = [
  row('debug mode keeps no plaintext in production', DEBUG, 'express.*refused in production', [
    'src/client/debug/recorder.ts',
    "if (environment === 'production') throw",
    "if (environment === 'never') throw",
  ]),
  row('debug mode keeps plaintext on localhost pages', DEBUG, 'staging', [
    'src/client/debug/recorder.ts',
    'if (!LOCAL.test(location.hostname)) {',
    "if (LOCAL.test('')) {",
  ]),
  row('debug mode keeps a limited number of calls', DEBUG, 'express.*last 50', [
    'src/client/debug/calls.ts',
    'if (calls.length > MAX_CALLS) calls.shift();',
    '',
  ]),
];
