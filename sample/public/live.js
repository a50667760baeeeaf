import { byId, h } from './dom.js';

/** The newest messages, each beside what the wire carried for it. */
const MAX_LINES = 8;
const RECONNECT_MS = 1_000;

/** A WebSocket class that notes what passes through it, as the devtools do: the client has sealed it already. */
export class TappedSocket extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => addLine('live-wire', `← ${wireText(data)}`));
  }

  send(data) {
    addLine('live-wire', `→ ${wireText(data)}`);
    super.send(data);
  }
}

let socket;
let reopening;

/**
 * Opens the page's socket, in place of the one before.
 *
 * @param onSaid called with the data of each `said` message
 * @param onEnded called where the session has ended, on which no socket is opened again
 */
export function openLive(client, onSaid, onEnded) {
  closeLive();
  const own = (socket = client.webSocket('live'));
  own.onopen = () => {
    byId('live-state').textContent = 'The socket is open.';
    byId('live-say').disabled = false;
    send('whoami');
  };
  own.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    addLine('live-seen', `← ${shown(message.event, message.data)}`);
    if (message.event === 'whoami') {
      byId('live-state').textContent =
        `The socket is open. The server sees ${message.data ?? 'nobody who is logged in'}.`;
    }
    if (message.event === 'said') onSaid(message.data);
  };
  own.onclose = ({ code }) => {
    if (own !== socket) return;
    byId('live-say').disabled = true;
    byId('live-state').textContent = code === 4401 ? 'The session has ended, and the socket with it.' : 'Connecting…';
    if (code === 4401) onEnded();
    else reopening = setTimeout(() => openLive(client, onSaid, onEnded), RECONNECT_MS);
  };
}

export function closeLive() {
  clearTimeout(reopening);
  const before = socket;
  socket = undefined;
  before?.close();
}

/** Where the socket is open. */
export function send(event, data) {
  if (socket?.readyState !== 1) return;
  addLine('live-seen', `→ ${shown(event, data)}`);
  socket.send(JSON.stringify({ event, data }));
}

function shown(event, data) {
  return data === undefined ? event : `${event} ${JSON.stringify(data)}`;
}

function wireText(data) {
  if (typeof data === 'string') return data;
  const bytes = new Uint8Array(data);
  const hex = [...bytes.subarray(0, 44)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${bytes.length.toLocaleString('en')} bytes: ${hex}${bytes.length > 44 ? '…' : ''}`;
}

function addLine(list, text) {
  const lines = byId(list);
  lines.prepend(h('li', {}, text.length > 120 ? `${text.slice(0, 120)}…` : text));
  while (lines.children.length > MAX_LINES) lines.lastElementChild.remove();
}
