import { describe, expect, it } from '@jest/globals';
import { Channel as ServerChannel } from '../../../src/channel/channel.js';
import type { Place } from '../../../src/channel/message-reader.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { parsePublicKey } from '../../../src/protocol/keys.js';
import { Channel, Visitor, type Plaintext } from '../../external/conformance/channel.js';
import { keyPair, type HandshakeResponse, type Members } from '../../external/conformance/peer.js';
import { makeChannels, session } from '../../security/attack/support/channels.js';

const SESSION = 'a session';
const binding = (place: Place, target = '/x') => ({ place, method: 'POST', target, idem: undefined });
const ANSWER = { status: 200, iat: 0, plaintext: Buffer.from('{}'), cty: 'application/json' };

async function open() {
  const server = makeChannels();
  const pair = await keyPair('X25519');
  const answer = await server.channels.handshake(session(SESSION), parsePublicKey(pair.jwk));
  const client = new Channel(new Visitor('http://127.0.0.1'), pair, answer as unknown as HandshakeResponse);
  const message = (target: string, plaintext?: Plaintext, more?: Members) =>
    client.message('POST', target, plaintext, more).jwe;
  return { ...server, client, message };
}

describe('The answers under one key', () => {
  it('are counted, refusals too, and a channel that has sealed its number is ended', async () => {
    const { channels, store, client, message } = await open();
    const find = store.find.bind(store);
    const state = ServerChannel.stateOf((await find(SESSION, client.kid, 0))!);
    const bounded = new ServerChannel(nodeEngine, state, 3);
    store.find = async (...given) => ((await find(...given)) ? bounded : undefined);

    const first = await channels.open(SESSION, message('/x'), binding('body'));
    first.seal(ANSWER);
    first.seal({ ...ANSWER, status: 409 });
    expect(bounded.isSpent).toBe(false);
    const second = await channels.open(SESSION, message('/x'), binding('body'));
    second.sealHead({ status: 200, iat: 0, cty: 'application/json' });
    expect(bounded.isSpent).toBe(true);

    const refusal = { code: 'handshake-required' };
    await expect(channels.open(SESSION, message('/x'), binding('body'))).rejects.toMatchObject(refusal);
    expect(await find(SESSION, client.kid, 0)).toBeUndefined();
  });
});

describe('A message', () => {
  it('has no sealed query beside one in its target', async () => {
    const { channels, message } = await open();
    const query = { text: '', meta: { query: 'a=1' } };
    const opened = await channels.open(SESSION, message('/x', query), binding('body'));
    expect(opened.meta.query).toBe('a=1');
    const refused = channels.open(SESSION, message('/x?a=2', query), binding('body', '/x?a=2'));
    await expect(refused).rejects.toMatchObject({ code: 'message-rejected' });
  });

  it('is followed by frames where its media type says so, and nowhere else', async () => {
    const { channels, message } = await open();
    const heads: [Members, Place][] = [
      [{}, 'body'],
      [{}, 'header'],
      [{ frames: 'body', cty: 'application/json' }, 'stream'],
      [{ frames: 'socket' }, 'socket'],
    ];
    for (const [header, right] of heads) {
      for (const place of ['body', 'header', 'stream', 'socket'] as const) {
        const fits = header.frames === undefined ? place === 'body' || place === 'header' : place === right;
        const outcome = await channels.open(SESSION, message('/x', undefined, header), binding(place)).then(
          () => true,
          (error: unknown) => (error as { code: string }).code,
        );
        expect([header, place, outcome]).toEqual([header, place, fits || 'message-rejected']);
      }
    }
  });
});
