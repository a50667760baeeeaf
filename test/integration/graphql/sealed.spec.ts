import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { MiddlewareConsumer } from '@nestjs/common';
import { TestApp, type Setup } from '../e2e/support/apps.js';
import { CANARY, expectPlainProblem } from '../e2e/support/raw.js';
import { graphqlOf, LoginController, NoteResolver, platformOf, resolved, SERVERS } from './support/notes.js';

interface Case {
  readonly path?: string;
  readonly init: RequestInit;
}
const json = (body: unknown, headers: Record<string, string> = {}): Case => ({
  init: { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) },
});
const query = (text: string, variables?: object): Case => json({ query: text, variables });
const get = (search: Record<string, string>, headers: Record<string, string> = {}): Case => ({
  path: `graphql?${new URLSearchParams(search).toString()}`,
  init: { headers },
});

const CREATE = 'mutation Create($text: String!) { create(note: { text: $text }) { text shout } }';
const CASES: Record<string, Case> = {
  'a query': query('{ notes { text shout } }'),
  'a mutation': query(CREATE, { text: CANARY }),
  'a long answer': query('{ notes(times: 9000) { text } }'),
  'a batch': json([{ query: '{ notes { text } }' }, { query: '{ bad }' }, { query: CREATE, variables: { text: 'x' } }]),
  'a query by GET': get(
    { query: `query Named { notes { text } } # ${CANARY}`, operationName: 'Named' },
    {
      'apollo-require-preflight': '1',
    },
  ),
  'a mutation by GET': get({ query: 'mutation { create(note: { text: "x" }) { text } }' }),
  'the landing page': { init: { headers: { accept: 'text/html' } } },
  'what is no query': query('{ notes {'),
  'a field that is none': query(`{ ${CANARY.replace('-', '_')} }`),
  'a variable of another type': query(CREATE, { text: 7 }),
  'what a pipe refuses': query(CREATE, { text: CANARY.repeat(5) }),
  'an HttpException': query('{ bad }'),
  'a ForbiddenException': query('{ forbidden }'),
  'an error': query('{ broken }'),
  'what a guard refuses': query('{ me }'),
  'the media type': query('{ type }'),
  'no body': { init: { method: 'POST' } },
  'what is no JSON': { init: { ...json({}).init, body: `{"${CANARY}` } },
  'another media type': {
    init: { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{ notes { text } }' },
  },
  introspection: query('{ __schema { queryType { name } } }'),
};

async function shownOf(response: Response): Promise<object> {
  const text = await response.text();
  // Traces have paths and lines of the run, and Apollo's page a random nonce.
  const shown = text
    .replace(/"stacktrace":\[.*?\]/g, '')
    .replace(/nonce(-|=")[\w+/=-]+/g, '')
    .replace(/"stack":"(?:[^"\\]|\\.)*"/g, '');
  const names = ['content-type', 'allow', 'x-frame-options'];
  return { status: response.status, headers: names.map((name) => response.headers.get(name)), shown };
}

describe.each(SERVERS)('GraphQL under a sealed path, %s,', (server) => {
  const platform = platformOf(server);
  let [sealed, plain]: [TestApp?, TestApp?] = [];
  const setup = (e2e: Setup['e2e']): Setup => ({
    e2e,
    imports: [graphqlOf(server)],
    controllers: [LoginController],
    providers: [NoteResolver],
    middleware: (consumer: MiddlewareConsumer) => consumer,
  });
  beforeAll(async () => {
    sealed = await TestApp.start(platform, setup({ sealedPaths: ['/graphql'], encryptByDefault: true }));
    plain = await TestApp.start(platform, setup({}));
  });
  afterAll(async () => {
    await sealed?.close();
    await plain?.close();
  });
  beforeEach(() => void (resolved.length = 0));

  it.each(Object.entries(CASES))('answers %s as in the clear, and nothing of it is on the wire', async (...each) => {
    const [, { path = 'graphql', init }] = each;
    const client = sealed!.client();
    await client.handshake();
    sealed!.tap.clear();
    const shown = await shownOf(await client.fetch(path, init));
    const wire = sealed!.tap.text;
    const ran = [...resolved];
    resolved.length = 0;
    expect(shown).toEqual(await shownOf(await fetch(`${plain!.url}/${path}`, init)));
    expect(ran).toEqual(resolved);
    expect([CANARY, 'notes', '__schema', 'errors'].filter((word) => wire.includes(word))).toEqual([]);
  });

  it.each(Object.entries(CASES))('refuses %s in the clear, and no resolver runs', async (...each) => {
    const [, { path = 'graphql', init }] = each;
    const { method = 'GET', headers, body } = init;
    const reply = await sealed!.visitor().send({
      method,
      target: `/${path}`,
      headers: headers as Record<string, string>,
      ...(typeof body === 'string' && { body }),
    });
    expectPlainProblem(reply, 'message-required');
    expect(resolved).toEqual([]);
  });

  it('has the session of the channel in the context, and its facts', async () => {
    const client = sealed!.client();
    await client.fetch('login', json({ user: 'ada' }).init);
    const ask = async (text: string): Promise<unknown> => (await client.fetch('graphql', query(text).init)).json();
    expect(await ask('{ me }')).toEqual({ data: { me: `ada ${CANARY}` } });
    expect(await ask('{ channel }')).toEqual({ data: { channel: 'X25519' } });
  });
});
