// What is refused before the first request.
import { row } from '../row.mjs';

const HEADERS = 'test/integration/e2e/sealed-headers.spec.ts';
const OPTIONS = 'test/integration/module/options.spec.ts';
const ONCE = 'test/integration/module/once.spec.ts';
const VALIDATOR = 'test/integration/module/route-validator.spec.ts';

export const atStart = [
  row('an invalid option value stops the start', OPTIONS, 'what to do', [
    'src/nest/options/option-check.ts',
    'if (value !== undefined && !rule.holds(value)) refuse(prefix + name, rule, value, owner);',
    '',
  ]),
  row('an unknown option stops the start', OPTIONS, 'probably meant', [
    'src/nest/options/option-check.ts',
    'if (name === undefined) return;\n  const near = closest(name, known);',
    "return;\n  const near = closest('', known);",
  ]),
  row('a missing session secret stops the start', OPTIONS, 'what to do', [
    'src/nest/options/option-check.ts',
    "if ('secret' in session && session.secret === undefined) refuse(",
    'if (session === undefined) refuse(',
  ]),
  row('a missing variable turns no protection off in production', OPTIONS, 'stops the start in production', [
    'src/nest/options/option-check.ts',
    'if (lost === undefined) return;',
    'return;',
  ]),
  row('plain messages require a session', OPTIONS, 'do not go together', [
    'src/nest/options/option-check.ts',
    "if (allowPlainJwe && session === 'channel') throw",
    "if (allowPlainJwe === 'never') throw",
  ]),
  row('no option error shows a secret', OPTIONS, '', [
    'src/nest/options/option-check.ts',
    '${shapeOf(value, secret)}',
    '${String(value)}',
  ]),
  row('the module is imported once', ONCE, '', [
    'src/nest/module/e2e.module.ts',
    'metatype === E2eModule).length > 1)',
    'metatype === E2eModule).length > 99)',
  ]),
  row(
    'importing the bare class is rejected',
    ONCE,
    'bare class',
    [
      'src/nest/module/e2e.module.ts',
      '{ provide: E2E_GIVEN, useFactory: refuseBareImport }',
      '{ provide: E2E_GIVEN, useValue: {} }',
    ],
    [
      'src/nest/module/e2e.module.ts',
      '{ provide: E2E_PATH, useFactory: refuseBareImport }',
      "{ provide: E2E_PATH, useValue: 'e2e' }",
    ],
  ),
  row('@Encrypted() without the module stops the start', ONCE, 'is refused at start', [
    'src/nest/routes/module-presence.ts',
    'if (this.#isThere) return;',
    'return;',
  ]),
  row('@Encrypted() where it would seal nothing stops the start', VALIDATOR, '', [
    'src/nest/routes/route-validator.ts',
    'for (const { name, what, fix } of this.#misplaced()) {',
    'for (const { name, what, fix } of []) {',
  ]),
  row(
    'a message handler that claims to be sealed stops the start',
    'test/integration/module/microservices.spec.ts',
    '',
    [
      'src/nest/routes/route-validator.ts',
      "if (onMethod(method) ?? onClass(method.owner)) yield { name, what: 'a message handler', fix: ELSEWHERE };",
      '',
    ],
  ),
  row("an application's own session requires a secret for channels", 'test/integration/e2e/session.spec.ts', 'secret', [
    'src/nest/module/e2e.module.ts',
    'if (isForeign && !hasSecret) throw new Error(missingSecret());',
    '',
  ]),
  row("messages are opened before the application's middleware", 'test/integration/e2e/order.spec.ts', '', [
    'src/nest/module/nest-hooks.ts',
    'if (all[0] !== ours && isNeeded()) all.splice(0, all.length, ours, ...all.filter((each) => each !== ours));',
    'if (!all.includes(ours)) all.push(ours);',
  ]),
  row("a gateway's header field cannot be configured as sealed", HEADERS, 'refused at start', [
    'src/protocol/outer-headers.ts',
    'return !NEVER_INSIDE.has(name) && !NEVER_INSIDE_PREFIX.test(name);',
    'return true;',
  ]),
];
