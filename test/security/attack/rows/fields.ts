import { expect } from '@jest/globals';
import { errorOf } from '../../../integration/e2e/support/raw.js';
import { refusalOf, type Harness } from '../support/harness.js';
import type { Passing, PassingResponse } from '../support/proxy.js';
import { CARD_NUMBER, OTHER_NUMBER, SECRET_IBAN } from '../support/shop.js';
import type { Row } from './row.js';

const ORDER = '/shop/order';
const NUMBERS = ['cards.*.no', 'cards.*.pin?'];

interface SentCard {
  no?: unknown;
  number?: unknown;
  pin?: unknown;
}
interface SentOrder {
  amount?: number;
  cards?: SentCard[];
}

function order(cards: readonly SentCard[] = [{ no: CARD_NUMBER }], fields = NUMBERS) {
  const headers = { 'Content-Type': 'application/json' };
  return { method: 'POST', headers, body: JSON.stringify({ amount: 5, cards }), e2e: { fields } };
}

const bodyOf = ({ body }: Pick<Passing, 'body'>): SentOrder => JSON.parse(body) as SentOrder;
const edited = (request: Passing, edit: (body: SentOrder) => unknown): Passing => {
  const body = bodyOf(request);
  return { ...request, body: JSON.stringify(edit(body) ?? body) };
};

/** A request in fields that passed, unchanged. */
async function passed(harness: Harness, init = order(), client = harness.client()): Promise<Passing> {
  harness.proxy.rule = undefined;
  expect((await client.fetch(ORDER, init)).status).toBe(200);
  harness.calls.length = 0;
  return harness.proxy.last(ORDER);
}

/** Each of these changes has the request refused as this problem, and no handler runs. */
async function refused(
  harness: Harness,
  expected: { code: string; problem: string },
  changes: readonly ((request: Passing) => Passing)[],
  init = order([{ no: CARD_NUMBER, pin: 1 }, { no: OTHER_NUMBER }]),
): Promise<void> {
  for (const change of changes) {
    harness.on('/shop', (request, forward) => forward(change(request)));
    const refusal = await refusalOf(harness.client().fetch(ORDER, init));
    expect([String(change), refusal]).toMatchObject([String(change), expected]);
  }
  expect(harness.ran).toEqual([]);
  expect(harness.proxy.capture).not.toContain(CARD_NUMBER);
}

const SEALED_REFUSAL = { code: 'refused', problem: 'message-rejected' };
const SEALED_REQUIRED = { code: 'refused', problem: 'message-required' };
const CLEAR_REFUSAL = { code: 'plain-answer', problem: 'message-rejected' };

export const fieldRows: readonly Row[] = [
  {
    attack: 'repeats a request in fields, on another connection and many times at once',
    outcome: '`message-replayed`: its ticket is claimed once, and all fields with it',
    run: async (harness) => {
      const request = await passed(harness);
      const copies = await Promise.all(Array.from({ length: 20 }, () => harness.proxy.forward(request)));
      expect(copies.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 409));
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'puts the fields, or the ticket, of another request of the same client into this one',
    outcome: '`message-rejected`: the key of fields comes from their ticket',
    run: async (harness) => {
      const client = harness.client();
      const first = await passed(harness, order(), client);
      for (const mix of [
        (request: Passing) => ({ ...request, body: first.body }),
        (request: Passing) => edited(request, ({ cards }) => void (cards![0]!.no = bodyOf(first).cards![0]!.no)),
      ]) {
        harness.on(ORDER, (request, forward) => forward(mix(request)));
        expect(await refusalOf(client.fetch(ORDER, order()))).toMatchObject(SEALED_REFUSAL);
      }
      harness.on(ORDER, (request, forward) =>
        forward({ ...request, headers: { ...request.headers, 'e2e-fields': first.headers['e2e-fields'] } }),
      );
      // The answer is to the first request, and so none to this one.
      expect(await refusalOf(client.fetch(ORDER, order()))).toMatchObject({ code: 'answer-rejected' });
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'swaps two fields of a request, or moves one to another member or another index',
    outcome: '`message-rejected`: a field is bound to its path',
    run: (harness) =>
      refused(harness, SEALED_REFUSAL, [
        (request) => edited(request, ({ cards }) => ({ amount: 5, cards: cards!.reverse() })),
        (request) => edited(request, ({ cards: [one, two] = [] }) => void ([one!.no, two!.no] = [two!.no, one!.no])),
        (request) => edited(request, ({ cards: [one] = [] }) => void ([one!.no, one!.pin] = [one!.pin, one!.no])),
        (request) => edited(request, ({ cards: [one] = [] }) => void ([one!.number, one!.no] = [one!.no, undefined])),
        (request) => edited(request, ({ cards }) => void cards!.unshift({})),
        (request) => edited(request, ({ cards }) => ({ amount: 5, cards: { ...cards } })),
      ]),
  },
  {
    attack: 'changes a field: any part of it, or its ciphertext for that of another field',
    outcome: '`message-rejected`',
    run: (harness) =>
      refused(
        harness,
        SEALED_REFUSAL,
        [0, 2, 3, 4].map(
          (part) => (request: Passing) =>
            edited(request, ({ cards: [one, two] = [] }) => {
              const parts = String(one!.no).split('.');
              parts[part] = String(two!.no).split('.')[part]!;
              one!.no = parts.join('.');
            }),
        ),
      ),
  },
  {
    attack: 'removes a field, a whole object with its field, or the body',
    outcome: '`message-rejected`: the ticket states the number of fields',
    run: (harness) =>
      refused(harness, SEALED_REFUSAL, [
        (request) => edited(request, ({ cards }) => void (cards![0]!.pin = undefined)),
        (request) => edited(request, ({ cards }) => void cards!.pop()),
        (request) => edited(request, ({ amount }) => ({ amount })),
        (request) => ({ ...request, body: '', headers: { ...request.headers, 'content-type': undefined } }),
      ]),
  },
  {
    attack: 'puts a plain value, `null` or an object in the place of a field, or where the client sent none',
    outcome: '`message-required`: a declared field is never accepted as plain text',
    run: async (harness) => {
      await refused(
        harness,
        SEALED_REQUIRED,
        [CARD_NUMBER.slice(1), null, 7, { a: 1 }, ['x'], ''].map(
          (value) => (request: Passing) => edited(request, ({ cards }) => void (cards![0]!.no = value)),
        ),
      );
      await refused(
        harness,
        SEALED_REQUIRED,
        [
          (request) => edited(request, ({ cards }) => void (cards![0]!.pin = 9)),
          (request) => edited(request, ({ cards }) => void (cards![0]!.number = 'by its other name')),
          (request) => edited(request, ({ cards }) => void cards!.push({ no: 'one-more-card' })),
        ],
        order(),
      );
      // Of a member that is there twice, the last is what the application would read.
      await refused(
        harness,
        SEALED_REQUIRED,
        [
          (request) => ({
            ...request,
            body: request.body.replace('{"no":', '{"no":"x","no":').replace(/"no":"eyJ[^"]*"/, '$&,"no":"evil-number"'),
          }),
        ],
        order(),
      );
    },
  },
  {
    attack: 'sends the body as a form, as multipart or as text, which something else may read later',
    outcome: '`message-rejected`: only parsed JSON is accepted',
    run: (harness) =>
      refused(
        harness,
        SEALED_REFUSAL,
        [
          ['application/x-www-form-urlencoded', `amount=5&cards[0][no]=${'x'.repeat(12)}`],
          [
            'multipart/form-data; boundary=b',
            '--b\r\nContent-Disposition: form-data; name="amount"\r\n\r\n5\r\n--b--\r\n',
          ],
          ['text/plain', '{"amount":5,"cards":[{"no":"in-the-clear"}]}'],
        ]
          // Fastify itself has no parser for multipart, and refuses it with 415.
          .filter(([type]) => harness.platform === 'express' || !type!.startsWith('multipart'))
          .map(([type, body]) => (request: Passing) => ({
            ...request,
            body: body!,
            headers: { ...request.headers, 'content-type': type },
          })),
        order([], ['cards.*.no?']),
      ),
  },
  {
    attack: 'removes the ticket, and leaves the fields, makes them plain or removes them',
    outcome: '`message-required`; no handler runs, and the client discards the response',
    run: (harness) =>
      refused(
        harness,
        { code: 'plain-answer', problem: 'message-required' },
        [
          (request: Passing) => request,
          (request: Passing) => edited(request, ({ cards }) => void (cards![0]!.no = 'in-the-clear-1')),
          (request: Passing) => edited(request, ({ amount }) => ({ amount })),
        ].map((change) => (request: Passing) => {
          const changed = change(request);
          return { ...changed, headers: { ...changed.headers, 'e2e-fields': undefined } };
        }),
      ),
  },
  {
    attack: 'moves a ticket to another method, route, query or `Idempotency-Key`',
    outcome: '`message-rejected`, in the clear',
    run: (harness) =>
      refused(harness, CLEAR_REFUSAL, [
        (request) => ({ ...request, method: 'PUT' }),
        (request) => ({ ...request, target: '/shop/other' }),
        (request) => ({ ...request, target: '/shop/order?to=mallory' }),
        (request) => ({ ...request, headers: { ...request.headers, 'idempotency-key': 'mallory' } }),
      ]),
  },
  {
    attack: 'sends a ticket as a message, a message as a ticket, both, or a field as either',
    outcome: '`message-rejected`, in the clear: `fields` must match the place of the message',
    run: async (harness) => {
      await refused(harness, CLEAR_REFUSAL, [
        ({ headers, ...request }) => ({
          ...request,
          headers: { ...headers, 'e2e-fields': undefined, 'e2e-request': headers['e2e-fields'] },
        }),
        ({ headers, ...request }) => ({ ...request, headers: { ...headers, 'e2e-request': headers['e2e-fields'] } }),
        ({ headers, ...request }) => ({
          ...request,
          body: String(headers['e2e-fields']),
          headers: { ...headers, 'e2e-fields': undefined, 'content-type': 'application/jose' },
        }),
        ({ headers, ...request }) => ({
          ...request,
          headers: { ...headers, 'e2e-fields': String(bodyOf(request).cards![0]!.no) },
        }),
      ]);
      harness.on('/bank', ({ headers, ...request }, forward) =>
        forward({
          ...request,
          headers: { ...headers, 'e2e-request': undefined, 'e2e-fields': headers['e2e-request'] },
        }),
      );
      expect(await refusalOf(harness.client().fetch('/bank/balance'))).toMatchObject(CLEAR_REFUSAL);
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'sends a field of a response back in a request of the same channel',
    outcome: '`message-rejected`: each direction has its own key',
    run: async (harness) => {
      const client = harness.client();
      let stolen: unknown;
      harness.on('/shop/account', async (request, forward) => {
        const answer = await forward(request);
        stolen = (JSON.parse(answer.body) as { iban: unknown }).iban;
        return answer;
      });
      expect(await (await client.fetch('/shop/account', { e2e: { fields: [] } })).json()).toMatchObject({
        iban: SECRET_IBAN,
      });
      expect(stolen).toMatch(/^eyJ/);
      harness.on(ORDER, (request, forward) => forward(edited(request, ({ cards }) => void (cards![0]!.no = stolen))));
      expect(await refusalOf(client.fetch(ORDER, order()))).toMatchObject(SEALED_REFUSAL);
    },
  },
  {
    attack:
      'changes a response in fields: swaps, drops or replaces fields, puts in those of another response, or a status',
    outcome:
      '`answer-rejected`: the ticket of the response has the status and the number of fields, and each field is bound to its path',
    run: async (harness) => {
      const client = harness.client();
      const take = async () => {
        harness.proxy.rule = undefined;
        await client.fetch('/shop/account', { e2e: { fields: [] } });
        return harness.proxy.seen.at(-1)!.answer!;
      };
      const earlier = await take();
      const change = (edit: (body: Record<string, unknown>) => unknown) => (answer: PassingResponse) => {
        const body = JSON.parse(answer.body) as Record<string, unknown>;
        return { ...answer, body: JSON.stringify(edit(body) ?? body) };
      };
      for (const changed of [
        change((body) => void ([body.iban, body.holder] = [body.holder, body.iban])),
        change((body) => void (body.holder = undefined)),
        change((body) => void (body.iban = 'mallory')),
        change((body) => ({ data: body })),
        change((body) => void (body.iban = (JSON.parse(earlier.body) as { iban: unknown }).iban)),
        (answer: PassingResponse) => ({ ...answer, body: earlier.body }),
        (answer: PassingResponse) => ({
          ...answer,
          headers: { ...answer.headers, 'e2e-fields': earlier.headers['e2e-fields'] },
        }),
        (answer: PassingResponse) => ({ ...answer, status: 201 }),
        (answer: PassingResponse) => ({ ...answer, headers: { ...answer.headers, 'content-type': 'text/plain' } }),
      ]) {
        harness.on('/shop/account', async (request, forward) => changed(await forward(request)));
        const refusal = await refusalOf(client.fetch('/shop/account', { e2e: { fields: [] } }));
        expect([String(changed), refusal.code]).toEqual([String(changed), 'answer-rejected']);
      }
    },
  },
  {
    attack: 'answers in the place of the server: in the clear with 200, or with a refusal made a success',
    outcome: '`plain-answer` or `answer-rejected`: never data',
    run: async (harness) => {
      const json = { 'content-type': 'application/json' };
      harness.on(ORDER, () => ({ status: 200, headers: json, body: '{"ordered":1000}' }));
      expect(await refusalOf(harness.client().fetch(ORDER, order()))).toMatchObject({ code: 'plain-answer' });
      harness.on(ORDER, async (request, forward) => ({ ...(await forward(request)), status: 200 }));
      // Sealed whole, with its true status inside.
      const response = await harness.client().fetch(ORDER, order([{ no: 'short' }]));
      expect(response.status).toBe(400);
    },
  },
  {
    attack: 'adds a plain member to a response where the client relies on a sealed one',
    outcome:
      '`answer-rejected` where the call names it in `answerFields`; otherwise it is a plain value like the others',
    run: async (harness) => {
      harness.on('/shop/account', async (request, forward) => {
        const answer = await forward(request);
        return { ...answer, body: answer.body.replace('{', '{"payTo":"mallory",') };
      });
      const client = harness.client();
      const e2e = { fields: [], answerFields: ['payTo', 'iban'] };
      expect(await errorOf(client.fetch('/shop/account', { e2e }))).toMatchObject({ code: 'answer-rejected' });
      expect(await (await client.fetch('/shop/account', { e2e: { fields: [] } })).json()).toMatchObject({
        payTo: 'mallory',
      });
    },
  },
  {
    attack: 'looks for the values in requests, responses and validation errors',
    outcome: 'finds none: every error is sealed as a whole, and lengths are visible in steps of 32 bytes',
    run: async (harness) => {
      const client = harness.client();
      await passed(harness, order(), client);
      const short = await client.fetch(ORDER, order([{ no: 'short-c4rd' }, { no: 'tiny!' }]));
      expect(await short.text()).toContain('number must be longer');
      await client.fetch('/shop/account', { e2e: { fields: [] } });
      expect(harness.proxy.capture).toContain('bank-in-the-clear');
      expect(harness.proxy.capture).not.toMatch(new RegExp(`${CARD_NUMBER}|${SECRET_IBAN}|short-c4rd|tiny!|longer`));
      const lengthOf = async (no: string) =>
        String(bodyOf(await passed(harness, order([{ no }]), client)).cards![0]!.no).length;
      expect(await lengthOf('1234567890')).toBe(await lengthOf('12345678901234567890'));
    },
  },
  {
    attack: 'changes the plain members beside a field',
    outcome: '**the handler gets them**: only the fields are protected (docs/fields.md says so)',
    run: async (harness) => {
      harness.on(ORDER, (request, forward) => forward(edited(request, (body) => void (body.amount = 1000))));
      expect((await harness.client().fetch(ORDER, order())).status).toBe(200);
      expect(harness.calls).toMatchObject([
        { route: 'order', body: { amount: 1000, cards: [{ number: CARD_NUMBER }] } },
      ]);
    },
  },
];
