import { createE2eClient } from 'nestjs-e2e-encryption/client';
import { addCard, showCarried } from './calls.js';
import { showChannel, showOpened, showPlain, showReceived, showSent } from './diagram.js';
import { byId, h } from './dom.js';
import { attempt, explain, Refusal, say } from './say.js';
import { tapFetch } from './wire.js';

const wire = tapFetch({ sent: showSent, received: showReceived });
const bare = tapFetch({ sent() {}, received: showPlain });

/** One call at a time, so that what the wire carries belongs to the call on the card. */
let last = Promise.resolve();
const inTurn = (work) => (last = last.then(work, work));

// ── The client ───────────────────────────────────────────────────────────────────────────────────────────────────

let client;
/** The client whose handshake is under way: the only one that newer settings interrupt. Calls finish first. */
let connecting;
/** Counts the calls of `connect()`: only what the newest one brings about is shown. */
let connects = 0;

function createClient() {
  return createE2eClient({
    baseUrl: location.origin,
    keyKind: byId('kind').value,
    engine: byId('engine').value,
    // After a restart the server knows no channels. Sending a refused call again does no harm to notes.
    resend: true,
    // Where the server requires it: a key that stays in this browser, without which the cookie opens no channel.
    deviceKey: document.documentElement.dataset.deviceBinding === 'required',
    fetch: wire.fetch,
  });
}

/** A new client, its handshake, and what the application shows first. */
async function connect() {
  const number = ++connects;
  const isNewest = () => number === connects;
  connecting?.close();
  byId('contrast-result').hidden = true;
  say('Generating a key pair and opening a channel…');
  const channel = await attempt('setup-error', () => inTurn(() => isNewest() && handshake(isNewest)));
  if (channel) await Promise.all([readMe(), readNotes()]);
}

async function handshake(isNewest) {
  client?.close();
  client = connecting = createClient();
  const started = performance.now();
  const card = { kind: 'handshake', method: 'POST', target: '/e2e/handshake', status: 201 };
  card.request = 'client.handshake()\n\nPrivate keys, and the keys derived from them, never leave their side.';
  try {
    const { kid, kind, expiresAt } = await client.handshake();
    card.answer = JSON.stringify({ kid, kind, expiresAt });
    showChannel();
    say(`${kind} channel open until ${new Date(expiresAt).toLocaleTimeString()}.`);
    return kid;
  } catch (error) {
    // The settings were changed meanwhile: the next handshake waits already.
    if (!isNewest()) return undefined;
    card.error = explain(error);
    throw error;
  } finally {
    connecting = undefined;
    const exchanges = wire.takeExchanges();
    if (isNewest()) addCard({ ...card, took: performance.now() - started, exchanges });
  }
}

/** A call through the client, as with `fetch`. A response that is not 2xx is thrown as what the person should read. */
const sealed = (...args) => call('sealed', (...request) => client.fetch(...request), wire, ...args);
const plain = (...args) => call('plain', bare.fetch, bare, ...args);

function call(kind, fetch, tap, method, target, body, show = addCard) {
  return inTurn(async () => {
    const started = performance.now();
    const json = body === undefined ? undefined : JSON.stringify(body);
    const card = { kind, method, target, request: `${method} ${target}` };
    if (json !== undefined) card.request += `\n\n${JSON.stringify(body, null, 2)}`;
    let exchanges = [];
    try {
      const headers = json === undefined ? {} : { 'content-type': 'application/json' };
      const response = await fetch(target, { method, headers, body: json });
      card.status = response.status;
      card.answer = await response.text();
      exchanges = tap.takeExchanges();
      if (kind === 'sealed') showOpened(exchanges.at(-1));
      const value = card.answer === '' ? undefined : JSON.parse(card.answer);
      say(
        `${method} ${target.split('?')[0]}: ${response.status}, ${kind === 'sealed' ? 'sealed both ways' : 'in the clear'}.`,
      );
      if (!response.ok) throw new Refusal(response.status, value);
      return value;
    } catch (error) {
      if (!(error instanceof Refusal)) card.error = explain(error);
      throw error;
    } finally {
      show({ ...card, took: performance.now() - started, exchanges: [...exchanges, ...tap.takeExchanges()] });
    }
  });
}

// ── The application ──────────────────────────────────────────────────────────────────────────────────────────────

function showMe(username) {
  byId('me').textContent = username ? `Logged in as ${username}` : 'Not logged in';
  byId('login-form').hidden = Boolean(username);
  byId('logout').hidden = !username;
}

async function readMe() {
  const session = await attempt('login-error', () => sealed('GET', '/auth/session'));
  showMe(session?.username);
}

async function readNotes() {
  const search = byId('search').value;
  const target = search ? `/notes?search=${encodeURIComponent(search)}` : '/notes';
  const notes = await attempt('notes-error', () => sealed('GET', target));
  if (!notes) return;
  const none = search ? 'No note matches.' : 'No notes yet.';
  byId('notes-count').textContent = notes.length ? `${notes.length} ${notes.length === 1 ? 'note' : 'notes'}` : none;
  byId('notes').replaceChildren(...notes.reverse().map(noteItem));
}

function noteItem({ id, title, body }) {
  const text = h('p', {}, body);
  const open = h(
    'button',
    { type: 'button', class: 'title', 'aria-expanded': 'false', 'data-testid': 'note-open' },
    title,
  );
  open.addEventListener('click', async () => {
    const opened = open.getAttribute('aria-expanded') === 'true';
    const note = opened ? undefined : await attempt('notes-error', () => sealed('GET', `/notes/${id}`));
    if (note) text.textContent = note.body;
    open.setAttribute('aria-expanded', String(Boolean(note)));
  });
  const remove = h(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': `Delete “${title}”`, 'data-testid': 'note-delete' },
    'Delete',
  );
  remove.addEventListener('click', async () => {
    await attempt('notes-error', () => sealed('DELETE', `/notes/${id}`));
    await readNotes();
    if (document.activeElement === document.body) byId('search').focus();
  });
  return h('li', { 'data-testid': 'note' }, open, remove, text);
}

function onSubmit(form, work) {
  byId(form).addEventListener('submit', (event) => {
    event.preventDefault();
    void work();
  });
}

onSubmit('login-form', async () => {
  const body = { username: byId('username').value, password: byId('password').value };
  const me = await attempt('login-error', () => sealed('POST', '/auth/login', body));
  if (!me) return;
  showMe(me.username);
  await readNotes();
});

byId('logout').addEventListener('click', async () => {
  // The session ends, and its channels with it: whoever comes next begins with a channel of their own.
  const done = await attempt('login-error', async () => (await sealed('POST', '/auth/logout'), true));
  if (!done) return;
  showMe(undefined);
  byId('username').focus();
  await connect();
});

onSubmit('note-form', async () => {
  const body = { title: byId('note-title').value, body: byId('note-body').value };
  const note = await attempt('note-error', () => sealed('POST', '/notes', body));
  if (!note) return;
  byId('note-form').reset();
  if (byId('note-form').contains(document.activeElement)) byId('note-title').focus();
  await readNotes();
});

let typing;
byId('search').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(readNotes, 250);
});

/** Sends the text, and shows beside the buttons what the wire carried: the cards may be out of view. */
function compare(send, target) {
  const body = { text: byId('plain-text').value };
  const show = (card) => {
    addCard(card);
    showCarried(byId('contrast-result'), card);
  };
  byId('contrast-result').hidden = true;
  return attempt('contrast-error', () => send('POST', target, body, show));
}

onSubmit('plain-form', () => compare(sealed, '/echo'));
byId('plain-send').addEventListener('click', () => compare(plain, '/plain/echo'));
byId('boom').addEventListener('click', () => attempt('contrast-error', () => sealed('GET', '/boom')));
byId('raw').addEventListener('click', () => attempt('contrast-error', () => sealed('GET', '/raw')));

// ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

const hasWebCrypto = Boolean(globalThis.crypto?.subtle);

/** node-forge supports only RSA, and is the only engine where the browser has no WebCrypto. */
function settle() {
  const forge = byId('engine').value === 'forge';
  if (forge) byId('kind').value = 'RSA';
  for (const option of byId('kind').options) option.disabled = forge && option.value !== 'RSA';
  byId('settings-hint').textContent = !hasWebCrypto
    ? 'WebCrypto is not available on plain HTTP pages. This page uses node-forge, which supports only RSA.'
    : forge
      ? 'node-forge supports only RSA and generates keys slowly.'
      : '';
}

if (!hasWebCrypto) {
  byId('engine').value = 'forge';
  byId('engine').querySelector('[value="web"]').disabled = true;
}
for (const id of ['kind', 'engine']) {
  byId(id).addEventListener('change', () => {
    settle();
    void connect();
  });
}

async function showIdentity() {
  const { keys } = await (await fetch('/e2e/identity')).json();
  byId('identity').textContent = keys.map(({ kid, x }) => kid ?? x).join(', ');
}

settle();
void showIdentity().catch(() => (byId('identity').textContent = '(not available)'));
void connect();
