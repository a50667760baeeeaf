import { beforeEach, expect, it } from '@jest/globals';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { errorOf } from '../e2e/support/raw.js';
import { letTimePass } from '../../support/clock.js';
import { CARD, got, IBAN, inFields, payment, shop } from './support/shop.js';

onEachPlatform('single fields', (platform) => {
  const app = useApp(platform, shop());
  beforeEach(() => {
    got.length = 0;
    app().tap.clear();
  });

  it('opens them before validation, and leaves the rest of the body readable', async () => {
    const client = app().client();
    await client.handshake();
    app().tap.clear();
    const others = [{ number: '4222222222222', pin: 1234 }, { number: '4333333333333333' }];
    const wanted = ['card.number', 'others.*.number', 'others.*.pin?'];
    const response = await client.fetch('pay', inFields(payment({ others }), wanted));
    expect([response.status, await response.json()]).toEqual([201, { ok: true }]);
    expect(got).toEqual([{ route: 'pay', body: payment({ others }) }]);
    expect(app().tap.text).toContain('"label":"mine"');
    expect(app().tap.text).not.toMatch(/4111111111111111|4222222222222|4333333333333333|1234,|1234}/);
    expect(app().tap.text).toContain('{"ok":true}');
  });

  it.each([
    ['renamed', { iban: IBAN }, ['iban'], { account: IBAN }],
    ['partial', { number: CARD }, ['number', 'pin?'], { number: CARD }],
    ['partial', {}, ['number?'], {}],
    ['member', { card: { number: CARD }, note: 'x' }, ['card.number'], { card: { number: CARD }, text: 'x' }],
    ['many', [{ number: CARD }, { number: CARD }], ['*.number'], [{ number: CARD }, { number: CARD }]],
    ['anything', { value: null }, ['value'], { value: null }],
    ['anything', { value: [1, { a: 'é' }] }, ['/value'], { value: [1, { a: 'é' }] }],
    ['anything', '{"value": 12.50e1 }', ['value'], { value: 125 }],
  ])('opens them in %s %j', async (route, body, fields, expected) => {
    const response = await app().client().fetch(`pay/${route}`, inFields(body, fields));
    expect([response.status, await response.text()]).toEqual([201, '{"ok":true}']);
    expect(got).toEqual([{ route, body: expected }]);
  });

  it('opens them in maps', async () => {
    const body = { byName: { one: { number: CARD }, 'a/b~': { number: CARD } }, card: { number: CARD } };
    const response = await app()
      .client()
      .fetch('pay/wallet', inFields(body, ['byName.*.number', 'card.number']));
    expect([response.status, await response.text()]).toEqual([201, '{"ok":true}']);
    const wallet = got[0]!.body as { byName: Map<string, { number: string }> };
    expect([...wallet.byName].map(([name, { number }]) => [name, number])).toEqual([
      ['one', CARD],
      ['a/b~', CARD],
    ]);
  });

  it('seals them in responses, and the client opens them', async () => {
    const client = app().client();
    const iban = IBAN;
    const address = { street: 'Sackville Street 12', city: 'London' };
    const one = { iban, owner: 'ada', internal: 'INTERNAL-ONLY', address };
    const serialized = { iban, owner: 'ada', address };
    for (const [path, expected] of [
      ['accounts', one],
      ['accounts/list', { count: 2, items: [one, one] }],
      ['accounts/serialized', [serialized]],
      ['accounts/declared', { iban, owner: 'bob', address: null }],
      ['accounts/by-hand', one],
      ['accounts/json', { iban, version: 2 }],
      ['accounts/plain', { hello: 'world' }],
    ] as const) {
      const response = await client.fetch(path, { e2e: { fields: [] } });
      expect([path, response.status, await response.json()]).toEqual([path, 200, expected]);
      expect(response.headers.get('content-type')).toMatch(/^application\/json/);
      expect(response.headers.has('e2e-fields')).toBe(false);
    }
    expect(app().tap.text).toContain('"owner":"ada"');
    expect(app().tap.text).not.toContain(IBAN);
    expect(app().tap.text).not.toContain('Sackville');
    expect(await (await client.fetch('pay/echo', inFields(payment(), ['card.number']))).json()).toEqual({
      number: CARD,
      label: 'echoed',
    });
    expect(app().tap.text).not.toContain(CARD);
  });

  it('hands over what has no fields', async () => {
    const client = app().client();
    const none = await client.fetch('accounts/none', { e2e: { fields: [] } });
    expect([none.status, await none.text()]).toEqual([204, '']);
    const text = await client.fetch('accounts/text', { e2e: { fields: [] } });
    expect([text.status, await text.text()]).toEqual([200, 'just text']);
    const missing = await client.fetch('nowhere', { e2e: { fields: [] } });
    expect(missing.status).toBe(404);
  });

  it('seals every error whole: validation errors, exceptions', async () => {
    const client = app().client();
    await client.handshake();
    app().tap.clear();
    const short = await client.fetch('pay', inFields(payment({ card: { number: '1234512345' } }), ['card.number']));
    expect(short.status).toBe(400);
    expect(JSON.stringify(await short.json())).toContain('number must be longer');
    const missing = await client.fetch('pay/fails', inFields(payment(), ['card.number']));
    expect([missing.status, ((await missing.json()) as { message: string }).message]).toEqual([404, `no card ${CARD}`]);
    expect(app().tap.text).not.toMatch(/1234512345|4111111111111111|no card|longer/);
    expect(app().tap.text).toContain('HTTP/1.1 404');
  });

  it('takes a whole message where fields are declared, and leaves its values as they are', async () => {
    const response = await app()
      .client()
      .fetch('pay', { ...inFields(payment(), []), e2e: {} });
    expect([response.status, got]).toEqual([201, [{ route: 'pay', body: payment() }]]);
  });

  it('seals the whole response of a route that is declared so', async () => {
    const client = app().client();
    const response = await client.fetch('pay/sealed-answer', inFields(payment(), ['card.number']));
    expect([response.status, await response.json()]).toEqual([201, { ok: true }]);
    expect(app().tap.text).not.toContain('{"ok":true}');
    const error = await errorOf(client.fetch('pay/sealed', inFields(payment(), ['card.number'])));
    expect(error).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
  });

  it('refuses plain requests, and plain values in a field', async () => {
    const post = async (body: object) =>
      fetch(`${app().url}/pay`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await post(payment())).status).toBe(415);
    expect((await post({ amount: 1 })).status).toBe(415);
    const client = app().client();
    const refused = async (body: unknown, fields: string[]) => {
      const { code, problem } = await errorOf(client.fetch('pay', inFields(body, fields)));
      return `${code} ${problem}`;
    };
    expect(await refused(payment(), [])).toBe('refused message-required');
    expect(await refused({ amount: 1, card: { number: null } }, [])).toBe('refused message-required');
    expect(await refused(payment(), ['card.number', 'amount'])).toBe('refused message-rejected');
    expect(got).toEqual([]);
  });

  it('answers a plain request with an error in place of a field', async () => {
    for (const path of [
      'accounts',
      'accounts/list',
      'accounts/serialized',
      'accounts/declared',
      'accounts/by-hand',
      'accounts/json',
    ]) {
      const response = await fetch(`${app().url}/${path}`);
      expect([path, response.status]).toEqual([path, 500]);
    }
    expect(await (await fetch(`${app().url}/accounts/plain`)).json()).toEqual({ hello: 'world' });
    expect(app().tap.text).not.toContain(IBAN);
  });

  it('writes none of the values into the log', () => {
    expect(app().log.text).toContain('its field "iban" has @EncryptedField()');
    expect(app().log.text).not.toMatch(/4111111111111111|1234512345|DE0212|Sackville/);
  });

  it('writes nothing into the log that a client chooses: the log keeps each text, and says it once a minute', async () => {
    const putBack = letTimePass(120);
    const { lines } = app().log;
    const from = lines.length;
    try {
      for (const chosen of ['chosen-1', 'chosen-2']) {
        expect((await fetch(`${app().url}/accounts/of/${chosen}`)).status).toBe(500);
        const body = { byName: { [chosen]: { number: CARD } } };
        const refusal = await errorOf(app().client().fetch('pay/wallet', inFields(body, [])));
        expect(refusal).toMatchObject({ problem: 'message-required' });
      }
    } finally {
      putBack();
    }
    const said = lines.slice(from).filter((line) => /was replaced by an error|was plain/.test(line));
    expect(said.join()).not.toContain('chosen');
    expect(said).toHaveLength(2);
  });

  it('says at the client which value is missing, before anything is sent', async () => {
    const client = app().client();
    await client.handshake();
    app().tap.clear();
    const error = await errorOf(client.fetch('pay', inFields(payment(), ['card.numer'])));
    expect(error).toMatchObject({ code: 'request-unsupported', message: expect.stringContaining('"card.numer"') });
    const text = await errorOf(client.fetch('pay', { ...inFields(payment(), ['card.number']), headers: {} }));
    expect(text).toMatchObject({ code: 'request-unsupported', message: expect.stringContaining('application/json') });
    expect(app().tap.text).toBe('');
  });
});
