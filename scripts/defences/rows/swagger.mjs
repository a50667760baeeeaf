// Documents and Swagger UI: what is not marked as sealed, "Try it out" sends in the clear.
import { row } from '../row.mjs';

const DOCUMENT = 'test/integration/swagger/seal-document.spec.ts';
const COMMAND = 'test/unit/swagger-ui/command-line.spec.ts';

export const swagger = [
  row('an OpenAPI document marks what is sealed', DOCUMENT, 'marks what is sealed', [
    'src/swagger/seal-document.ts',
    '[SEALING_EXTENSION]: { request: sealing.request, response: sealing.response, ...(fields && { fields }) },',
    '',
  ]),
  row('no OpenAPI document is created if a handler is not found', DOCUMENT, 'cannot tell', [
    'src/swagger/scan.ts',
    'if (served.length === 0) {',
    'if (served.length < 0) {',
  ]),
  row('an OpenAPI document of an application without the module is rejected', DOCUMENT, 'what is missing', [
    'src/swagger/routes.ts',
    'if (!modules.some(({ providers }) => providers.has(RouteTable))) {',
    'if (modules.length === 0) {',
  ]),
  row('an OpenAPI document warns about operations without a route', DOCUMENT, 'warns of operations', [
    'src/swagger/seal-document.ts',
    'if (unknown.length > 0) {',
    'if (unknown.length < 0) {',
  ]),
  row('Swagger UI shows no command that would send something different', COMMAND, '', [
    'src/swagger-ui/command-line.ts',
    "(typeof body === 'string' && !body.startsWith('@') && body !== '-')",
    "typeof body === 'string'",
  ]),
  row('the command that Swagger UI shows is quoted for the shell', COMMAND, '', [
    'src/swagger-ui/command-line.ts',
    "text.replaceAll(\"'\", String.raw`'\\''`)",
    'text',
  ]),
];
