import { nodeEngine as engine } from '../../crypto/node.js';
import { splitJwe } from '../../protocol/jwe.js';
import { parseResponseHeader } from '../../protocol/message.js';
import { parseJsonObject } from '../../protocol/json.js';
import { PROBLEM_TYPE_PREFIX, PROBLEMS, type ProblemName } from '../../protocol/problem.js';
import type { ClassicKeyKind } from '../../protocol/keys.js';
import { openJwe, type Json } from './secrets.js';
import type { ClientChannel, Reply, Visitor } from './visitor.js';

/** One row of the table for a server. */
export interface ServerCase {
  /** Of PROTOCOL. */
  readonly section: number;
  readonly name: string;
  /** Sends what the case is about; what is wrong with the responses, `undefined` if nothing is. */
  readonly run: (context: ServerContext) => Promise<string | undefined>;
}

export interface ServerContext {
  readonly kind: ClassicKeyKind;
  readonly channel: ClientChannel;
  /** Another session. */
  readonly stranger: () => Visitor;
  /** What sealed requests go to: a route need not be there, since every sealed request is opened. */
  readonly target: string;
}

/** The response is this problem, in the clear. */
export function isPlainProblem(reply: Reply, name: ProblemName): string | undefined {
  const { status } = PROBLEMS[name];
  const type = parseJsonObject(reply.body)?.type;
  if (reply.status !== status) return `expected ${status} ${name}, got ${reply.status} ${named(type)}`;
  if (!/^application\/problem\+json(; *charset=utf-8)?$/i.test(reply.headers['content-type'] ?? '')) {
    return `expected application/problem+json, got ${reply.headers['content-type']}`;
  }
  if (reply.headers['cache-control'] !== 'no-store, no-transform') return 'the problem may be cached';
  return type === PROBLEM_TYPE_PREFIX + name ? undefined : `expected ${name}, got ${named(type)}`;
}

const named = (type: unknown): string => (typeof type === 'string' ? type : 'no problem');

export interface SealedAnswer {
  readonly status: number;
  readonly problem: unknown;
}

/** A sealed response to this request; or what is wrong with it. */
export function openAnswer({ keys, kid }: ClientChannel, seq: unknown, reply: Reply): SealedAnswer | string {
  const { headers, body } = reply;
  if (headers['content-type'] !== 'application/jose') {
    return `expected a sealed answer, got ${reply.status} ${headers['content-type'] ?? ''} ${body.slice(0, 80)}`;
  }
  if (headers['cache-control'] !== 'no-store, no-transform') return 'the answer may be cached';
  if (headers.etag !== undefined || headers['last-modified'] !== undefined) return 'the answer has a validator';
  const parts = splitJwe(body);
  const bytes = parts && engine.decodeBase64url(parts.protected);
  const header = bytes && parseResponseHeader(Buffer.from(bytes).toString());
  if (!header) return 'the header of the answer breaks a rule';
  if (header.kid !== kid || header.seq !== seq || header.alg !== 'dir') return 'the answer is not to this request';
  const plaintext = openJwe(keys.response, body);
  if (!plaintext) return 'the answer does not open';
  const text = Buffer.from(plaintext.subarray(header.meta ?? 0)).toString();
  if (text !== '' && header.cty === undefined) return 'the answer has a body without a media type';
  const isProblem = header.cty?.startsWith('application/problem+json');
  return { status: header.status, problem: isProblem ? parseJsonObject(text)?.type : undefined };
}

/** The response is sealed, and is this problem; without a name, it is none of the protocol's. */
export function isSealed(channel: ClientChannel, header: Json, reply: Reply, name?: ProblemName): string | undefined {
  const opened = openAnswer(channel, header.seq, reply);
  if (typeof opened === 'string') return opened;
  const { status, problem } = opened;
  if (name === undefined) {
    const isOurs = typeof problem === 'string' && problem.startsWith(PROBLEM_TYPE_PREFIX);
    return isOurs ? `expected an answer, got a sealed ${problem}` : undefined;
  }
  const isIt = problem === PROBLEM_TYPE_PREFIX + name && status === PROBLEMS[name].status;
  return isIt ? undefined : `expected a sealed ${name}, got ${status} ${named(problem)}`;
}

/** A POST of this message, in its body. */
export function post(
  { visitor }: ClientChannel,
  target: string,
  jwe: string,
  type = 'application/jose',
): Promise<Reply> {
  return visitor.send({ method: 'POST', target, headers: { 'content-type': type }, body: jwe });
}

export const BODY = '{"a":1}';

/** The header of an honest POST, with changes; `undefined` leaves a member out. */
export function honest({ channel, target }: ServerContext, changes: Json = {}): Json {
  return channel.head('POST', target, { cty: 'application/json', ...changes });
}
