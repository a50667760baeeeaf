import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { KINDS, type HandshakeResponse, type KeyKind } from '../../external/conformance/peer.js';
import { describeVectors } from '../../support/vectors.js';
import { choose } from '../../support/vectors/choose.js';
import { complete, type Chosen, type ChosenMessage } from '../../support/vectors/generate.js';

// The vectors that the package publishes are what the protocol's text gives, computed apart from the sources.
// `npm run vectors` makes new ones, of new keys.

type Members = Record<string, unknown>;
interface File {
  readonly protocol: string;
  readonly note: string;
  readonly channels: readonly Channel[];
}
type Channel = Omit<Chosen, 'handshake'> & { readonly handshake: HandshakeResponse };

const path = new URL('../../../vectors/e2e-1.json', import.meta.url);
const NOTE =
  'Bytes are base64url. The keys were made for these vectors alone: never use them. docs/conformance.md describes each member.';

async function make(): Promise<object> {
  const channels = [];
  for (const kind of KINDS) channels.push(await complete(await choose(kind, kind === 'X25519')));
  return { protocol: 'e2e/1', note: NOTE, channels };
}

if (process.env.UPDATE_VECTORS) {
  beforeAll(async () => writeFileSync(path, `${JSON.stringify(await make(), null, 2)}\n`));
}
const read = (): File => JSON.parse(readFileSync(path, 'utf8')) as File;

/** What was chosen, without what follows from it: so nothing that is compared comes out of the file. */
function chosenOf({ handshake, ...channel }: Channel): Chosen {
  const { issuedAt, expiresAt, session, proof, secret } = handshake;
  const message = ({ name, header, meta, body, iv }: ChosenMessage): ChosenMessage => {
    const own: Members = { ...header, kid: true };
    for (const filled of ['ek', 'dev', 'meta']) if (filled in own) own[filled] = true;
    if ('again' in own) own.again = { seq: (own.again as Members).seq };
    return { name, header: own, ...(meta && { meta }), ...(body !== undefined && { body }), iv };
  };
  const frames = (all: readonly { kind: number; body: string }[]) => all.map(({ kind, body }) => ({ kind, body }));
  const direction = (from: 'client' | 'server') => {
    const { head, messages } = channel.socket[from];
    return { head: message(head), messages: frames(messages) };
  };
  const { kind, clientKey, serverKey, identityKey, deviceKey, dev, ek, stock } = channel;
  return {
    kind,
    clientKey,
    serverKey,
    identityKey,
    ...(deviceKey && { deviceKey, dev: dev! }),
    handshake: { issuedAt, expiresAt, session, proof: proof!, ...(secret !== undefined && { secret }) },
    ...(ek !== undefined && { ek }),
    requests: channel.requests.map(message),
    responses: channel.responses.map(message),
    streams: channel.streams.map((stream) => ({
      direction: stream.direction,
      ...message(stream),
      frames: frames(stream.frames),
    })),
    socket: { client: direction('client'), server: direction('server') },
    ...(stock && { stock: { request: stock.request, response: stock.response } }),
  };
}

describe('the published vectors', () => {
  it('are there, with a channel of each kind, one of them with a device key', () => {
    expect(existsSync(path)).toBe(true);
    const { channels, protocol } = read();
    expect([protocol, channels.map(({ kind }) => kind)]).toEqual(['e2e/1', [...KINDS]]);
    expect(channels.filter(({ deviceKey }) => deviceKey)).toHaveLength(1);
  });

  it.each(KINDS)('of kind %s follow from what was chosen, byte for byte', async (kind) => {
    const channel = read().channels.find((each) => each.kind === kind)!;
    expect(await complete(chosenOf(channel))).toEqual(channel);
  });
});

describeVectors<File>('the generator', 'protocol-v1.json', ({ channels }) => {
  it.each(channels.map((channel) => [channel.kind, channel] as [KeyKind, Channel]))(
    'gives the vectors of another implementation for kind %s, byte for byte',
    async (_, channel) => {
      expect(await complete(chosenOf(channel))).toEqual(channel);
    },
  );
});
