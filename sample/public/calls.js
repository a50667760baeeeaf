import { byId, h, shorten } from './dom.js';
import { jweParts, readJweHeader } from './wire.js';

const MAX_CARDS = 40;
const BADGES = { sealed: 'sealed', plain: 'in the clear', handshake: 'public keys' };
const JWE_CLASSES = ['jwe-header', 'jwe-key', 'jwe-iv', 'jwe-ciphertext', 'jwe-tag'];

/**
 * A card: what the person sees beside what the wire carries.
 *
 * @param call `{ kind: 'sealed' | 'plain' | 'handshake', method, target, status, took, request, answer, error, exchanges }`
 */
export function addCard(call) {
  const list = byId('calls');
  const newest = list.querySelector('details');
  if (newest) newest.open = false;
  list.prepend(
    h(
      'li',
      { 'data-testid': 'call', 'data-kind': call.kind },
      h('details', { open: true }, summary(call), views(call)),
    ),
  );
  while (list.children.length > MAX_CARDS) list.lastElementChild.remove();
}

/** The last exchange of a call as a few lines, for where its card may be out of view. */
export function showCarried(element, { kind, error, exchanges }) {
  const exchange = exchanges.at(-1);
  element.hidden = Boolean(error) || !exchange?.response;
  if (element.hidden) return;
  element.dataset.kind = kind;
  element.replaceChildren(
    h('p', {}, 'The wire carried ', h('span', { class: `badge ${kind}` }, BADGES[kind])),
    h('pre', {}, '→\u00a0', ...brief(exchange.body)),
    h('pre', {}, '←\u00a0', ...brief(exchange.response.body)),
    h('a', { href: '#traffic-title' }, 'The whole call'),
  );
}

function brief(text) {
  const parts = jweParts(text);
  return parts ? colored(parts, 24) : [shorten(text, 160)];
}

function summary({ kind, method, target, status, took, error }) {
  return h(
    'summary',
    {},
    h('span', { class: 'line' }, h('b', {}, method), ' ', target),
    h('span', { class: 'outcome' }, error ? 'failed' : String(status)),
    h('span', { class: `badge ${kind}` }, BADGES[kind]),
    h('span', { class: 'took' }, `${Math.round(took)} ms`),
  );
}

function views({ kind, request, status, answer, error, exchanges }) {
  const response = error
    ? h('p', { class: 'problem' }, error)
    : h('pre', {}, answer === '' ? '(empty)' : pretty(answer, Infinity));
  return h(
    'div',
    { class: 'views' },
    h(
      'section',
      { class: 'seen', 'data-testid': 'seen' },
      h('h3', {}, 'You see'),
      h('pre', {}, request),
      h('p', { class: 'status-line' }, kind === 'handshake' || error ? '' : `Response ${status}`),
      response,
    ),
    h(
      'section',
      { class: 'wire', 'data-testid': 'wire' },
      h('h3', {}, 'The wire carries'),
      ...(exchanges.length ? exchanges.flatMap(wireLines) : [h('p', { class: 'hint' }, 'Nothing was sent.')]),
    ),
  );
}

function wireLines({ method, target, type, message, body, response }) {
  return [
    h('p', { class: 'head' }, `${method} ${target}`),
    message && h('p', { class: 'head' }, 'e2e-request:'),
    message && carried(message),
    body && h('p', { class: 'head' }, `content-type: ${type}`),
    body && carried(body),
    response && h('p', { class: 'head answer' }, `${response.status}`),
    response?.type && h('p', { class: 'head' }, `content-type: ${response.type}`),
    response?.body && carried(response.body),
  ].filter(Boolean);
}

/** Wire text, shortened, with a button for all of it; for a message what its header says, and the frames after it. */
function carried(wireText) {
  const parts = jweParts(wireText);
  const [text, ...frames] = parts ? wireText.split('\n') : [wireText];
  const show = (length) => (parts ? colored(parts, length) : [pretty(text, length)]);
  const pre = h('pre', { class: 'carried' }, ...show(56));
  const isShort = pre.textContent === text || !pre.textContent.includes('…');
  const all = h('button', { type: 'button', class: 'quiet', 'aria-expanded': 'false' }, showAll(text));
  all.addEventListener('click', () => {
    const expanded = all.getAttribute('aria-expanded') === 'true';
    pre.replaceChildren(...show(expanded ? 56 : Infinity));
    all.setAttribute('aria-expanded', String(!expanded));
    all.textContent = expanded ? showAll(text) : 'Show less';
  });
  return h(
    'div',
    { class: 'carrier' },
    pre,
    frames.length ? h('pre', { class: 'carried frames' }, frames.join('\n')) : null,
    h('div', { class: 'tools' }, isShort ? null : all, parts && header(parts[0])),
  );
}

const showAll = (text) => `Show all ${text.length.toLocaleString('en')} characters`;

function colored(parts, length) {
  return parts.flatMap((part, i) => [
    ...(i ? ['.'] : []),
    h('span', { class: JWE_CLASSES[i] }, i === 3 ? shorten(part, length * 3) : shorten(part, length)),
  ]);
}

function header(part) {
  return h(
    'details',
    { class: 'header' },
    h('summary', {}, 'What its header says'),
    h('pre', {}, pretty(JSON.stringify(readJweHeader(part)), 56)),
  );
}

/** JSON laid out, its long strings shortened; other text as it is. */
function pretty(text, length) {
  try {
    const cut = (_name, value) => (typeof value === 'string' ? shorten(value, length) : value);
    return JSON.stringify(JSON.parse(text, cut), null, 2);
  } catch {
    return shorten(text, length * 4);
  }
}
