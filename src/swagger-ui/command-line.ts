import { essence, JSON_MEDIA_TYPE } from '../protocol/media-type.js';
import { fieldsOf, type OperationSealing } from './extension.js';

/** A request of Swagger UI. */
export interface ShownRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/**
 * The request as a call of `npx nestjs-e2e-encryption`, which seals it, in the place of a curl command that would send
 * it in the clear. `undefined` for what the command line cannot send.
 */
export function commandLine(request: ShownRequest, sealing: OperationSealing, path: string): string | undefined {
  const { url, body } = request;
  const method = request.method.toLowerCase();
  if (!METHODS.includes(method) || (method === 'get' && body !== undefined) || !isArgument(body)) return undefined;
  const headers = Object.entries(request.headers).filter(([name, value]) => !isImplied(name.toLowerCase(), value));
  return [
    `npx nestjs-e2e-encryption ${method} ${quote(url)}`,
    ...headers.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`-d ${quote(body)}`]),
    ...(path === 'e2e' ? [] : [`--path ${quote(path)}`]),
    ...directions(sealing, body),
  ].join(' \\\n  ');
}

function directions(sealing: OperationSealing, body: string | undefined): string[] {
  const { request, response } = sealing;
  const fields = fieldsOf(sealing);
  if (!fields) return [...(request ? [] : ['--plain-request']), ...(response ? [] : ['--plain-answer'])];
  return fields.length > 0 && body !== undefined ? fields.map((name) => `--field ${quote(name)}`) : ['--in-fields'];
}

/** What the command line says by itself, or need not say. */
function isImplied(name: string, value: string): boolean {
  return name === 'accept' || (name === 'content-type' && essence(value) === JSON_MEDIA_TYPE);
}

/** As `-d` takes it: `@FILE` and `-` mean something else. */
function isArgument(body: unknown): body is string | undefined {
  return body === undefined || (typeof body === 'string' && !body.startsWith('@') && body !== '-');
}

/** For a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
