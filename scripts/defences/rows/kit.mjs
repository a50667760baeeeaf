// The testing kit: an assertion that cannot fail is worse than none.
import { row } from '../row.mjs';

const SEALED = 'test/integration/testing/sealed.spec.ts';
const LEAKING = 'test/integration/testing/leaking.spec.ts';
const WIRE = 'test/unit/testing/wire.spec.ts';
const STREAMS = 'test/integration/testing/streams.spec.ts';
const LEAKS = 'test/unit/testing/leaks.spec.ts';
const FIELDS = 'test/integration/testing/fields.spec.ts';

export const kit = [
  row('expectSealed fails if the plain request is accepted', SEALED, 'is not sealed', [
    'src/testing/probe.ts',
    "if (problem === 'message-required' || mayAlsoBe.includes(response.status))",
    'if (response.status < 600)',
  ]),
  row('expectSealed fails if a plain body is accepted beside a message', LEAKING, 'express.*takes plain bodies', [
    'src/testing/probe.ts',
    'if (WITH_BODY.includes(request.method)) await refusesPlainBody(line, request);',
    '',
  ]),
  row('expectSealed finds leaked values', LEAKING, 'express', [
    'src/testing/probe.ts',
    'if (leaks.length > 0) throw',
    'if (leaks.length > 99) throw',
  ]),
  row('expectSealed finds data leaked by the next response', LEAKING, 'express.*whoever comes next', [
    'src/testing/probe.ts',
    '...findLeaks([...told, ...answered], later, knownOfResponse),',
    '',
  ]),
  row('expectSealed finds hashes', LEAKING, 'express.*hash', [
    'src/testing/probe.ts',
    "const toldHashes = hashesOf('body', sent, told);",
    'const toldHashes: ReturnType<typeof hashesOf> = [];',
  ]),
  row('expectSealed finds parts of values', LEAKS, 'parts of any value|eight characters', [
    'src/testing/leaks.ts',
    'if (!isPublic(part)) return true;',
    'if (!isPublic(part)) return false;',
  ]),
  row('expectSealed finds names', LEAKS, 'finds names', [
    'src/testing/secrets.ts',
    'const called = names.flatMap((name) => nameSecret(`the name of the ${member}`, name));',
    'const called: Secret[] = [];',
  ]),
  row('expectSealed decodes encodings', LEAKS, 'finds a value', [
    'src/testing/spellings.ts',
    'for (const each of fresh) readings.add(each);',
    '',
  ]),
  row('expectSealed checks everything around ciphertext', LEAKING, 'express', [
    'src/testing/places.ts',
    '.filter(([name, value]) => control.headers.get(name) !== value)',
    '.filter(() => false)',
  ]),
  row('expectSealed reads the bytes of frames', WIRE, 'can be read', [
    'src/testing/leaks.ts',
    'if (isCiphertext) return findInCiphertext(secrets, name, text);',
    'if (isCiphertext) return [];',
  ]),
  row('expectSealed treats only real frames as frames', WIRE, 'in no frame|follows the last', [
    'src/testing/places.ts',
    'if (end < 0 || !areFrames(frames)) return [{ name, text: body }];',
    '',
  ]),
  row('expectSealed finds the hash of an uploaded file', STREAMS, 'express.*its hash', [
    'src/testing/secrets.ts',
    ", value: Buffer.from(content, 'latin1') }]",
    ' }]',
  ]),
  row('expectSealed fails if no single field is encrypted', FIELDS, 'express.*encrypts nothing', [
    'src/testing/field-probe.ts',
    'if (sent.length + received.length === 0) {',
    'if (sent.length + received.length < 0) {',
  ]),
  row(
    'expectSealed fails if a named field of the response is missing',
    FIELDS,
    'express.*not encrypted what is named',
    ['src/testing/field-probe.ts', 'if (!isThere) throw', 'if (!isThere && each.isOptional) throw'],
  ),
  row('a parser does not treat a broken stream as complete', STREAMS, 'express.*never takes a broken', [
    'src/testing/reading.ts',
    "stream.once('error', reject);",
    "stream.once('error', () => resolve('whole'));",
  ]),
  row('a download that is cut off never looks complete', 'test/unit/cli/streams.spec.ts', 'express.*saves a download', [
    'src/cli/download.ts',
    "openSync(this.#part, 'wx')",
    "openSync((this.#part = this.#path), 'w')",
  ]),
];
