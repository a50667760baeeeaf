import { createE2eClient } from 'nestjs-e2e-encryption/client';
import { addCard, showCarried } from './calls.js';
import { showChannel, showOpened, showPlain, showReceived, showSent } from './diagram.js';
import { byId, h } from './dom.js';
import { closeLive, openLive, send, TappedSocket } from './live.js';
import { attempt, explain, Refusal, say } from './say.js';
import { tapFetch } from './wire.js';

const wire = tapFetch({ sent: showSent, received: showReceived, frame: showFrame });
const bare = tapFetch({ sent() {}, received: showPlain, frame() {} });

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
    webSocket: TappedSocket,
    // In development: keeps the last calls for showDebugPanel(). Refused in production, and elsewhere than on localhost.
    debug: ['localhost', '127.0.0.1'].includes(location.hostname),
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
  if (!channel) return;
  await Promise.all([readMe(), readNotes()]);
  if (isNewest()) live();
}

async function handshake(isNewest) {
  stopEvents();
  closeLive();
  client?.close();
  client = connecting = createClient();
  const started = performance.now();
  const card = { kind: 'handshake', method: 'POST', target: '/e2e/handshake', status: 201 };
  card.request = 'client.handshake()\n\nPrivate keys, and the keys derived from them, never leave their side.';
  try {
    const { kid, kind, expiresAt, session: current } = await client.handshake();
    session = current;
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
    const exchanges = await wire.takeExchanges();
    if (isNewest()) addCard({ ...card, took: performance.now() - started, exchanges });
  }
}

/** A call through the client, as with `fetch`. A response that is not 2xx is thrown as what the person should read. */
async function sealed(method, target, body, show) {
  const request = { method, target, ...jsonRequest(method, target, body) };
  const value = await call('sealed', client.fetch, wire, request, readJson, show);
  void showSession().catch(() => undefined);
  return value;
}
const plain = (method, target, body, show) =>
  call('plain', bare.fetch, bare, { method, target, ...jsonRequest(method, target, body) }, readJson, show);

function jsonRequest(method, target, value) {
  if (value === undefined) return { seen: `${method} ${target}` };
  const seen = `${method} ${target}\n\n${JSON.stringify(value, null, 2)}`;
  return { seen, init: { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) } };
}

async function readJson(response) {
  const answer = await response.text();
  return { answer, value: answer === '' ? undefined : JSON.parse(answer) };
}

/** @param read gives what the person sees of an answer, and what the caller gets */
function call(kind, fetch, tap, { method, target, seen, init }, read, show = addCard) {
  return inTurn(async () => {
    const started = performance.now();
    const card = { kind, method, target, request: seen };
    let exchanges = [];
    try {
      const response = await fetch(target, { method, ...init });
      card.status = response.status;
      const { answer, value } = await (response.ok ? read : readJson)(response);
      card.answer = answer;
      exchanges = await tap.takeExchanges();
      if (kind === 'sealed') showOpened(exchanges.findLast(({ isHandshake, response }) => response && !isHandshake));
      const how = kind === 'sealed' ? 'sealed both ways' : 'in the clear';
      say(`${method} ${target.split('?')[0]}: ${response.status}, ${how}.`);
      if (!response.ok) throw new Refusal(response.status, value);
      return value;
    } catch (error) {
      if (!(error instanceof Refusal)) card.error = explain(error);
      throw error;
    } finally {
      exchanges.push(...(await tap.takeExchanges()));
      show({ ...card, took: performance.now() - started, exchanges });
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

/** The public name of the session that the page shows. */
let session;

/** After a logout in another tab, or a restart of the server, the client has gone on with a new session. */
async function showSession() {
  const { session: current } = await client.handshake();
  const hasChanged = session !== undefined && current !== session;
  session = current;
  if (hasChanged) await Promise.all([readMe(), readNotes()]);
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

function noteItem({ id, title, body, file }) {
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
    send('say', { notes: 'changed' });
    if (document.activeElement === document.body) byId('search').focus();
  });
  const attached = file && h('p', { class: 'file' }, downloadButton(file));
  return h('li', { 'data-testid': 'note' }, open, remove, text, attached);
}

/** What is submitted once more before it is done would be done twice. */
function onSubmit(id, work) {
  const form = byId(id);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (form.ariaBusy === 'true') return;
    form.ariaBusy = 'true';
    await work();
    form.ariaBusy = null;
  });
}

onSubmit('login-form', async () => {
  const body = { username: byId('username').value, password: byId('password').value };
  // The login replaces the session's id, which ends the sockets on it.
  closeLive();
  const me = await attempt('login-error', () => sealed('POST', '/auth/login', body));
  live();
  if (!me) return;
  const hadFocus = byId('login-form').contains(document.activeElement);
  showMe(me.username);
  if (hadFocus) byId('logout').focus();
  await readNotes();
});

byId('logout').addEventListener('click', async () => {
  // The session ends, and its channels with it: whoever comes next begins with a channel of their own.
  closeLive();
  const done = await attempt('login-error', async () => (await sealed('POST', '/auth/logout'), true));
  if (!done) {
    live();
    return;
  }
  showMe(undefined);
  byId('username').focus();
  await connect();
});

onSubmit('note-form', async () => {
  const body = { title: byId('note-title').value, body: byId('note-body').value };
  const [attached] = byId('note-file').files;
  if (attached) {
    const file = await attempt('note-error', () => upload(attached));
    if (!file) return;
    body.fileId = file.id;
  }
  const note = await attempt('note-error', () => sealed('POST', '/notes', body));
  if (!note) return;
  byId('note-form').reset();
  if (byId('note-form').contains(document.activeElement)) byId('note-title').focus();
  await readNotes();
  send('say', { notes: 'changed' });
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
let hidePanel;
byId('debug').addEventListener('click', async () => {
  const { showDebugPanel } = await import('nestjs-e2e-encryption/debug');
  hidePanel = hidePanel ? hidePanel() : showDebugPanel();
});
byId('boom').addEventListener('click', () => attempt('contrast-error', () => sealed('GET', '/boom')));
byId('raw').addEventListener('click', () => attempt('contrast-error', () => sealed('GET', '/raw')));

// ── Files and live events ────────────────────────────────────────────────────────────────────────────────────────

const sizeOf = (bytes) =>
  bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000).toLocaleString('en')} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;

/** What the server takes. It refuses more, too, but only once so much has been sent. */
const MAX_FILE_BYTES = 100 * 2 ** 20;

/** A call whose progress is shown, and that the person can cancel. */
async function transfer(direction, request, read) {
  const leaving = new AbortController();
  const bar = byId('progress');
  const onProgress = ({ direction: way, loaded, total }) => {
    if (way !== direction) return;
    byId('transfer').hidden = false;
    if (total) bar.value = loaded / total;
    else bar.removeAttribute('value');
  };
  byId('transfer-cancel').onclick = () => leaving.abort(new Error('Cancelled.'));
  const init = { ...request.init, signal: leaving.signal, e2e: { onProgress } };
  try {
    return await call('sealed', client.fetch, wire, { ...request, init }, read);
  } finally {
    const hadFocus = byId('transfer').contains(document.activeElement);
    byId('transfer').hidden = true;
    if (hadFocus) byId('note-add').focus();
  }
}

/** A file is sealed as it is read: neither end holds it whole. */
function upload(file) {
  if (file.size > MAX_FILE_BYTES) throw new Error(`A file has at most 100 MiB. This one has ${sizeOf(file.size)}.`);
  const body = new FormData();
  body.append('file', file);
  const seen = `POST /files\n\nfile: ${file.name}, ${sizeOf(file.size)}`;
  return transfer('upload', { method: 'POST', target: '/files', seen, init: { body } }, readJson);
}

function downloadButton({ id, name, size }) {
  const properties = { type: 'button', class: 'quiet', 'data-testid': 'file-download' };
  const button = h('button', properties, `Download ${name} (${sizeOf(size)})`);
  button.addEventListener('click', () => attempt('notes-error', () => download(id, name)));
  return button;
}

async function download(id, name) {
  const target = `/files/${id}`;
  const read = async (response) => {
    const content = await response.blob();
    return { answer: `${name}, ${sizeOf(content.size)}, ${content.type}`, value: content };
  };
  const content = await transfer('download', { method: 'GET', target, seen: `GET ${target}` }, read);
  const url = URL.createObjectURL(content);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The newest events, each beside the frame that brought it. */
const MAX_LINES = 8;
let events;

function addLine(list, text) {
  const lines = byId(list);
  lines.prepend(h('li', {}, text));
  while (lines.children.length > MAX_LINES) lines.lastElementChild.remove();
}

function showFrame(line) {
  addLine('events-wire', line);
}

function stopEvents() {
  events?.close();
  events = undefined;
  byId('events-error').textContent = '';
  byId('events-start').textContent = 'Watch live events';
}

byId('events-start').addEventListener('click', () => {
  if (events) {
    stopEvents();
    return;
  }
  for (const list of ['events-seen', 'events-wire']) byId(list).replaceChildren();
  byId('events-views').hidden = false;
  byId('events-error').textContent = '';
  events = client.eventSource('/events?count=200');
  byId('events-start').textContent = 'Stop';
  events.onmessage = ({ data, lastEventId }) => addLine('events-seen', `${lastEventId}: ${data}`);
  events.onerror = ({ error }) => {
    // After the last event the answer ends, and the next one is 204: the source stops.
    if (events?.readyState === 2) stopEvents();
    else if (error) byId('events-error').textContent = 'The connection was lost; connecting again…';
  };
  events.onopen = () => (byId('events-error').textContent = '');
});

// ── The socket ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Titles and texts are not said: every open page hears it, and reads the notes that are its own. */
function live() {
  const onSaid = ({ notes }) => notes && void readNotes();
  // After a login or logout in another tab: who is logged in is asked first.
  openLive(client, onSaid, async () => {
    await Promise.all([readMe(), readNotes()]);
    live();
  });
}

onSubmit('live-form', () => {
  send('say', { text: byId('live-text').value });
  byId('live-form').reset();
});

// ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

const hasWebCrypto = Boolean(globalThis.crypto?.subtle);

/** node-forge supports only RSA, and is the only engine where the browser has no WebCrypto. */
function settle() {
  const forge = byId('engine').value === 'forge';
  if (forge) byId('kind').value = 'RSA';
  for (const option of byId('kind').options) option.disabled = forge && option.value !== 'RSA';
  const isHybrid = byId('kind').value === 'MLKEM768-X25519';
  for (const part of document.querySelectorAll('[data-hybrid]')) part.hidden = !isHybrid;
  byId('settings-hint').textContent = !hasWebCrypto
    ? 'WebCrypto is not available on plain HTTP pages. This page uses node-forge, which supports only RSA.'
    : forge
      ? 'node-forge supports only RSA and generates keys slowly.'
      : isHybrid
        ? 'Recorded traffic stays unreadable for a quantum computer too.'
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
