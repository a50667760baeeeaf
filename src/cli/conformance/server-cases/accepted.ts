import { nodeEngine as engine } from '../../../crypto/node.js';
import { AGAIN_TAG_BYTES, againInput } from '../../../protocol/schedule.js';
import type { ProblemName } from '../../../protocol/problem.js';
import { b64u, random, sealFrames, type Json } from '../secrets.js';
import { BODY, honest, isPlainProblem, isSealed, post, type ServerCase, type ServerContext } from '../server-case.js';
import type { ClientChannel } from '../visitor.js';

interface Sent {
  readonly header: Json;
  readonly flaw: string | undefined;
}
/** An honest POST with changes, which is answered sealed: with this problem, or with none. */
async function sends(context: ServerContext, changes: Json, problem?: ProblemName): Promise<Sent> {
  const header = honest(context, changes);
  const reply = await post(context.channel, context.target, context.channel.seal(header, BODY));
  return { header, flaw: isSealed(context.channel, header, reply, problem) };
}
const now = ({ channel }: ServerContext): number => Math.floor(Date.now() / 1000) + channel.offset;
const again = (first: ClientChannel, seq: number, kid: string, own: number): Json => {
  const tag = engine.hmac(first.keys.again, againInput(seq, kid, own)).subarray(0, AGAIN_TAG_BYTES);
  return { kid: first.kid, seq, tag: b64u(tag) };
};
/** Steps, one after the other: the first flaw counts. */
async function steps(...all: (() => Promise<string | undefined>)[]): Promise<string | undefined> {
  for (const step of all) {
    const flaw = await step();
    if (flaw) return flaw;
  }
  return undefined;
}

const ORDER: readonly ServerCase[] = [
  {
    section: 5,
    name: 'an unknown channel',
    run: async (context) => {
      const jwe = context.channel.seal(honest(context, { kid: b64u(random(32)) }), BODY);
      return isPlainProblem(await post(context.channel, context.target, jwe), 'handshake-required');
    },
  },
  {
    section: 5,
    name: "another session's channel",
    run: async (context) => {
      if (!context.channel.visitor.hasCookies) return undefined; // A deployment without cookies has no sessions.
      const body = context.channel.seal(honest(context), BODY);
      const headers = { 'content-type': 'application/jose' };
      const reply = await context.stranger().send({ method: 'POST', target: context.target, headers, body });
      return isPlainProblem(reply, 'handshake-required');
    },
  },
  ...(
    [
      ['a message of 400 s ago', -400],
      ['a message of 100 s ahead', 100],
    ] as const
  ).map(([name, age]) => ({
    section: 5,
    name,
    run: async (context: ServerContext) => (await sends(context, { iat: now(context) + age }, 'message-stale')).flaw,
  })),
  {
    section: 5,
    name: 'a message twice',
    run: async (context) => {
      const { header, flaw } = await sends(context, {});
      const jwe = context.channel.seal(header, BODY);
      return (
        flaw ?? isSealed(context.channel, header, await post(context.channel, context.target, jwe), 'message-replayed')
      );
    },
  },
  {
    section: 5,
    name: 'a window of 1,024 numbers',
    run: (context) =>
      steps(
        async () => (await sends(context, { seq: 9000 })).flaw,
        async () => (await sends(context, { seq: 9000 - 1024 }, 'message-stale')).flaw,
        async () => (await sends(context, { seq: 9000 - 1023 })).flaw,
        async () => (await sends(context, { seq: 9000 - 1023 }, 'message-replayed')).flaw,
      ),
  },
  {
    section: 5,
    name: 'a second copy after its first copy ran',
    run: (context) =>
      steps(
        async () => (await sends(context, { seq: 9100 })).flaw,
        async () => {
          const { channel } = context;
          const changes = { seq: 9101, again: again(channel, 9100, channel.kid, 9101) };
          return (await sends(context, changes, 'message-replayed')).flaw;
        },
      ),
  },
  {
    section: 5,
    name: 'a first copy after its second copy ran',
    run: (context) =>
      steps(
        async () => {
          const { channel } = context;
          return (await sends(context, { seq: 9111, again: again(channel, 9110, channel.kid, 9111) })).flaw;
        },
        async () => (await sends(context, { seq: 9110 }, 'message-replayed')).flaw,
      ),
  },
  {
    section: 5,
    name: 'an again with a wrong tag, which is ignored',
    run: (context) =>
      steps(
        async () => (await sends(context, { seq: 9120 })).flaw,
        async () => {
          const wrong = { kid: context.channel.kid, seq: 9120, tag: b64u(random(16)) };
          return (await sends(context, { seq: 9121, again: wrong })).flaw;
        },
      ),
  },
];

const frames = (context: ServerContext, changes: Json = {}) => {
  const header = honest(context, { cty: 'text/plain', frames: 'body', ...changes });
  const head = context.channel.seal(header);
  const sealed = sealFrames(context.channel.keys.requestFrames, head, [
    [0, 'hello '],
    [1, 'world'],
  ]);
  return { header, head, body: Buffer.concat([Buffer.from(`${head}\n`), ...sealed]) };
};
const STREAM_TYPE = 'application/vnd.e2e.stream';
const send = ({ channel, target }: ServerContext, body: Uint8Array | string, type: string) =>
  post(channel, target, body as string, type);

const PLACES: readonly ServerCase[] = [
  {
    section: 4,
    name: 'a request with a body',
    run: async (context) => (await sends(context, {})).flaw,
  },
  {
    section: 4,
    name: 'a request without a body',
    run: async ({ channel, target }) => {
      const header = channel.head('GET', target);
      const headers = { 'e2e-request': channel.seal(header) };
      return isSealed(channel, header, await channel.visitor.send({ method: 'GET', target, headers }));
    },
  },
  {
    section: 4,
    name: 'an E2e-Request beside a message in the body',
    run: async (context) => {
      const { channel, target } = context;
      const headers = {
        'content-type': 'application/jose',
        'e2e-request': channel.seal(honest(context, { cty: undefined })),
      };
      const body = channel.seal(honest(context), BODY);
      return isPlainProblem(await channel.visitor.send({ method: 'POST', target, headers, body }), 'message-rejected');
    },
  },
  {
    section: 4,
    name: 'a body inside an E2e-Request',
    run: async (context) => {
      const { channel, target } = context;
      const headers = { 'e2e-request': channel.seal(honest(context), BODY) };
      return isPlainProblem(await channel.visitor.send({ method: 'POST', target, headers }), 'message-rejected');
    },
  },
  {
    section: 4,
    name: 'an Idempotency-Key that the message does not name',
    run: async (context) => {
      const { channel, target } = context;
      const headers = { 'content-type': 'application/jose', 'idempotency-key': 'k-1' };
      const body = channel.seal(honest(context), BODY);
      return isPlainProblem(await channel.visitor.send({ method: 'POST', target, headers, body }), 'message-rejected');
    },
  },
  {
    section: 6,
    name: 'a body in frames',
    run: async (context) => {
      const { header, body } = frames(context);
      return isSealed(context.channel, header, await send(context, body, STREAM_TYPE));
    },
  },
  {
    section: 6,
    name: 'a stream twice',
    run: async (context) => {
      const { header, body } = frames(context);
      await send(context, body, STREAM_TYPE);
      return isSealed(context.channel, header, await send(context, body, STREAM_TYPE), 'message-replayed');
    },
  },
  ...(
    [
      ['a head without frames', { frames: undefined }],
      ['a head without cty', { cty: undefined }],
      ["a head with a socket's frames", { frames: 'socket' }],
      ['a head with a length that is no whole number', { length: 0.5 }],
    ] as [string, Json][]
  ).map(([name, changes]) => ({
    section: 6,
    name,
    run: async (context: ServerContext) =>
      isPlainProblem(await send(context, frames(context, changes).body, STREAM_TYPE), 'message-rejected'),
  })),
];

export const acceptedCases: readonly ServerCase[] = [...PLACES, ...ORDER];
