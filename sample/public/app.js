import { createE2eClient } from 'nestjs-e2e-encryption/client';
import { addCard } from './calls.js';
import { showChannel, showOpened, showPlain, showReceived, showSent } from './diagram.js';
import { byId, h } from './dom.js';
import { tapFetch } from './wire.js';

const wire = tapFetch({ sent: showSent, received: showReceived });
const bare = tapFetch({ sent() {}, received: showPlain });
let client;

/** One call at a time, so that what the wire carries belongs to the call on the card. */
let last = Promise.resolve();
const inTurn = (work) => (last = last.then(work, work));

// ── The client ───────────────────────────────────────────────────────────────────────────────────────────────────

function createClient() {
  client?.close();
  client = createE2eClient({
    baseUrl: location.origin,
    keyKind: byId('kind').value,
    engine: byId('engine').value,
    // After a restart the server knows no channel: refused calls then go once more, which does no harm to notes.
    resend: true,
    // Where the server wants one: a key that stays in this browser, without which the cookie opens no channel.
    deviceKey: document.documentElement.dataset.deviceBinding === 'required',
    fetch: wire.fetch,
  });
}

/** A new client, its handshake, and what the application shows first. */
async function connect() {
  createClient();
  say('Making a key pair and shaking hands…');
  const channel = await attempt('setup-error', () => inTurn(handshake));
  if (channel) await Promise.all([readMe(), readNotes()]);
}

async function handshake() {
  const started = performance.now();
  const card = { kind: 'handshake', method: 'POST', target: '/e2e/handshake', status: 201 };
  card.request =
    'client.handshake()\n\nThe private keys and what both sides derive from them stay where they were made.';
  try {
    const { kid, kind, expiresAt } = await client.handshake();
    card.answer = JSON.stringify({ kid, kind, expiresAt });
    showChannel();
    say(`${kind} channel open until ${new Date(expiresAt).toLocaleTimeString()}.`);
    return kid;
  } catch (error) {
    card.error = explain(error);
    throw error;
  } finally {
    addCard({ ...card, took: performance.now() - started, exchanges: wire.takeExchanges() });
  }
}

/** A call through the client, as with `fetch`; throws what the person should read where the answer is no 2xx. */
const sealed = (method, target, body) => call('sealed', (...args) => client.fetch(...args), wire, method, target, body);
const plain = (method, target, body) => call('plain', bare.fetch, bare, method, target, body);

function call(kind, fetch, tap, method, target, body) {
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
      addCard({ ...card, took: performance.now() - started, exchanges: [...exchanges, ...tap.takeExchanges()] });
    }
  });
}

class Refusal extends Error {
  constructor(status, value) {
    super([value?.message ?? 'The server refused'].flat().join('; '));
    this.status = status;
  }
}

// ── What the person reads ────────────────────────────────────────────────────────────────────────────────────────

function say(text) {
  byId('status').textContent = text;
}

function explain(error) {
  if (error instanceof TypeError) return `The server did not answer (${error.message}).`;
  const code = error.code ? ` (${error.code})` : '';
  return error instanceof Refusal ? `${error.message} (${error.status})` : `${error.message}${code}`;
}

/** Runs `work`; where it fails, says so in the element `where`, and answers `undefined`. */
async function attempt(where, work) {
  byId(where).textContent = '';
  try {
    return await work();
  } catch (error) {
    byId(where).textContent = explain(error);
    return undefined;
  }
}

// ── The application ──────────────────────────────────────────────────────────────────────────────────────────────

function showMe(username) {
  byId('me').textContent = username ? `Logged in as ${username}` : 'Not logged in';
  byId('login-form').hidden = Boolean(username);
}

async function readMe() {
  try {
    showMe((await sealed('GET', '/auth/me')).username);
  } catch (error) {
    showMe(undefined);
    if (error.status !== 401) byId('login-error').textContent = explain(error);
  }
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

onSubmit('plain-form', () =>
  attempt('contrast-error', () => sealed('POST', '/echo', { text: byId('plain-text').value })),
);
byId('plain-send').addEventListener('click', () =>
  attempt('contrast-error', () => plain('POST', '/plain/echo', { text: byId('plain-text').value })),
);
byId('boom').addEventListener('click', () => attempt('contrast-error', () => sealed('GET', '/boom')));
byId('raw').addEventListener('click', () => attempt('contrast-error', () => sealed('GET', '/raw')));

// ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

const hasWebCrypto = Boolean(globalThis.crypto?.subtle);

/** node-forge knows RSA alone; and where browsers hide WebCrypto there is nothing but node-forge. */
function settle() {
  const forge = byId('engine').value === 'forge';
  if (forge) byId('kind').value = 'RSA';
  for (const option of byId('kind').options) option.disabled = forge && option.value !== 'RSA';
  byId('settings-hint').textContent = !hasWebCrypto
    ? 'Browsers hide WebCrypto from plain-HTTP pages: node-forge takes over, with RSA only.'
    : forge
      ? 'node-forge has RSA only, and makes its keys slowly.'
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
void showIdentity().catch(() => (byId('identity').textContent = '(not answered)'));
void connect();
