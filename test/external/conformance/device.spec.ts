import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Channel, json, value, Visitor } from './channel.js';
import { b64u, keyPair, KINDS, thumbprint, type HandshakeResponse, type Jwk, type KeyKind } from './peer.js';
import { startSample, type Sample } from './server.js';
import { expectProblem } from './testbed.js';
import { Jar } from './wire.js';

/** PROTOCOL §2, "Device keys": a sample of its own, whatever else runs. */
describe('E2E_DEVICE_BINDING=required', () => {
  let sample: Sample;
  beforeAll(async () => {
    sample = await startSample({ E2E_DEVICE_BINDING: 'required' });
  });
  afterAll(() => sample.stop());
  const visitor = (): Visitor => new Visitor(sample.base);

  interface Device {
    jwk: Jwk;
    key: KeyObject;
  }
  const makeDevice = (type: 'ES256' | 'Ed25519'): Device => {
    const { publicKey, privateKey } =
      type === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
    return { jwk: publicKey.export({ format: 'jwk' }) as Jwk, key: privateKey };
  };
  const prove = ({ jwk, key }: Device, th: Uint8Array): string => {
    const alg = jwk.kty === 'EC' ? 'ES256' : 'Ed25519';
    const input = `${b64u(JSON.stringify({ alg, typ: 'e2e-device+jws' }))}.${b64u(b64u(th))}`;
    const by = { key, dsaEncoding: 'ieee-p1363' as const };
    return `${input}.${b64u(sign(alg === 'ES256' ? 'sha256' : null, Buffer.from(input), by))}`;
  };
  const shakeHands = async (by: Visitor, { jwk }: Device, kind: KeyKind): Promise<Channel> => {
    const pair = await keyPair(kind);
    const reply = await by.ask({ publicKey: pair.jwk, device: jwk });
    expect(reply.status).toBe(201);
    return new Channel(by, pair, JSON.parse(reply.body) as HandshakeResponse);
  };

  it.each(KINDS.flatMap((kind) => (['ES256', 'Ed25519'] as const).map((type) => [kind, type] as const)))(
    'a channel of kind %s opens once the %s device key is proven, and stays open over a login',
    async (kind, type) => {
      const device = makeDevice(type);
      const channel = await shakeHands(visitor(), device, kind);
      expect(channel.answer.device).toBe(thumbprint(device.jwk));
      const note = json({ title: 'bound', body: 'to a device' });
      expectProblem(await channel.post(channel.message('POST', '/notes', note)), 'message-rejected');
      const dev = prove(device, channel.th);
      expect((await channel.request('POST', '/notes', note, { members: { dev } })).status).toBe(201);
      const login = json({ username: 'ada', password: 'lovelace' });
      expect((await channel.request('POST', '/auth/login', login)).status).toBe(200);
      expect(value(await channel.request('GET', '/notes'))).toMatchObject([{ title: 'bound' }]);
      const next = await shakeHands(channel.visitor, device, kind);
      expect(next.answer.session).toBe(channel.answer.session);
    },
  );

  it('a handshake without one is key-rejected', async () => {
    for (const kind of KINDS) {
      expectProblem(await visitor().ask({ publicKey: (await keyPair(kind)).jwk }), 'key-rejected');
    }
  });

  it('a copied cookie reaches nothing of the session it was copied from', async () => {
    const [device, other] = [makeDevice('ES256'), makeDevice('ES256')];
    const victim = visitor();
    const channel = await shakeHands(victim, device, 'X25519');
    const note = json({ title: 'secret', body: '' });
    const dev = prove(device, channel.th);
    expect((await channel.request('POST', '/notes', note, { members: { dev } })).status).toBe(201);

    const copy = (): Visitor => {
      const jar = new Jar();
      const cookies = String(victim.jar).split('; ');
      jar.take({ status: 200, headers: { 'set-cookie': cookies }, rawHeaders: [], body: '' });
      return new Visitor(sample.base, jar);
    };
    const posing = await shakeHands(copy(), device, 'X25519');
    for (const proof of [undefined, dev, prove(other, posing.th)]) {
      expectProblem(await posing.post(posing.message('GET', '/notes', undefined, { dev: proof })), 'message-rejected');
    }
    const own = await shakeHands(copy(), other, 'X25519');
    expect(own.answer.session).not.toBe(channel.answer.session);
    const seen = await own.request('GET', '/notes', undefined, { members: { dev: prove(other, own.th) } });
    expect(value(seen)).toEqual([]);
    expect(value(await channel.request('GET', '/notes'))).toMatchObject([{ title: 'secret' }]);
  });
});
