import { byId, shorten } from './dom.js';
import { jweParts } from './wire.js';

/** How long a step stands alone before the next one lights up, in ms: calls are faster than eyes. */
const PACE = 260;

const still = matchMedia('(prefers-reduced-motion: reduce)');
const step = (number) => document.querySelector(`#steps [data-step="${number}"]`);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let queue = Promise.resolve();
let waiting = 0;
let isFresh = false;

function later(change, pace = PACE) {
  waiting++;
  queue = queue.then(async () => {
    waiting--;
    try {
      change();
    } catch (error) {
      // The steps after it are still shown.
      reportError(error);
    }
    // Whoever clicks fast gets a faster show, not a late one.
    if (!still.matches) await wait(waiting > 8 ? 0 : pace);
  });
}

/** What a step says on its arrow before a message is on it. */
const labels = new Map([...document.querySelectorAll('#steps [data-wire]')].map((label) => [label, label.textContent]));

/** Darkens the steps from `first` to `last`, and takes the messages off their arrows. */
function darken(first, last) {
  for (let number = first; number <= last; number++) {
    step(number).removeAttribute('data-lit');
    step(number).removeAttribute('data-now');
    const label = step(number).querySelector('[data-wire]');
    if (label) label.textContent = labels.get(label);
  }
}

function light(number, onTheWire) {
  later(() => {
    document.querySelector('#steps [data-now]')?.removeAttribute('data-now');
    step(number).setAttribute('data-lit', '');
    step(number).setAttribute('data-now', '');
    const label = step(number).querySelector('[data-wire]');
    if (onTheWire && label) label.textContent = brief(onTheWire, 120);
  });
}

function isSealed(type) {
  return type !== null && /^application\/(jose|vnd\.e2e\.stream)/.test(type);
}

/** A request has left this page. */
export function showSent(exchange) {
  if (exchange.isHandshake) {
    later(() => darken(1, 8), 0);
    light(1, exchange.body);
  } else {
    showChannel();
    later(() => darken(4, 8), 0);
    light(4, exchange.message ?? exchange.body);
  }
}

/** Its answer is here. */
export function showReceived({ isHandshake, response }) {
  if (isHandshake && response.status === 201) {
    light(2, response.body);
    showEncapsulated(JSON.parse(response.body).secret);
    isFresh = true;
  }
  // That the server opened the request is known from its sealed answer: only then both steps light up.
  if (!isHandshake && isSealed(response.type)) {
    light(5);
    light(6, response.body);
  }
}

/** What the answer to a hybrid handshake carries beside the server's key. RSA channels have a `secret` too, a JWE. */
function showEncapsulated(secret) {
  if (secret && !secret.includes('.')) later(() => (byId('encapsulated').textContent = shorten(secret, 120)), 0);
}

/** The client has accepted the handshake: it says so, or sends its first sealed request. */
export function showChannel() {
  if (isFresh) light(3);
  isFresh = false;
}

/** The client has opened the answer; and what was to be seen of it all on the way. */
export function showOpened(exchange) {
  light(7);
  light(8);
  later(() => showOnlooker(exchange, false), 0);
}

/** A call in the clear: it takes none of the steps, and everyone can read it. */
export function showPlain(exchange) {
  later(() => darken(4, 8), 0);
  light(8);
  later(() => showOnlooker(exchange, true), 0);
}

/** Of a message the ciphertext, rather than the header that all of them begin with. */
function brief(text, length) {
  const parts = jweParts(text);
  if (!parts) return shorten(text, length);
  const [header, key, iv, ciphertext, tag] = parts;
  return [shorten(header, 10), shorten(key, 10), iv, shorten(ciphertext, length), tag].join('.');
}

function showOnlooker({ method, target, message, body, response }, readable) {
  const lines = [`→ ${method} ${target}`, message ?? body, `← ${response.status}`, response.body];
  const onlooker = byId('onlooker');
  onlooker.textContent = lines.map((line) => brief(line, 100)).join('\n');
  onlooker.toggleAttribute('data-readable', readable);
}
