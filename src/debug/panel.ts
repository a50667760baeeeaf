import {
  clearDebugCalls,
  debugCalls,
  watchDebugCalls,
  type DebugCall,
  type DebugMessage,
} from '../client/debug/calls.js';

export interface DebugPanelOptions {
  /** Where the panel goes. Default: the end of the page. */
  readonly parent?: Element;
}

/**
 * Shows the last calls of all clients with the option `debug`: for each what the application sees, and what the wire carries.
 * For development.
 *
 * @example
 * import { showDebugPanel } from 'nestjs-e2e-encryption/debug';
 * const remove = showDebugPanel();
 *
 * @returns what removes the panel.
 */
export function showDebugPanel({ parent = document.body }: DebugPanelOptions = {}): () => void {
  const host = document.createElement('div');
  host.dataset.e2eDebug = '';
  const root = host.attachShadow({ mode: 'open' });
  const style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  root.adoptedStyleSheets = [style];
  const list = element('ol');
  const clear = element('button', 'Clear');
  clear.addEventListener('click', clearDebugCalls);
  root.append(element('header', element('b', 'Sealed calls'), clear), list);

  const rows = new Map<DebugCall, HTMLElement>();
  const update = (): void => {
    const calls = debugCalls();
    for (const [call, row] of rows) {
      if (calls.includes(call)) continue;
      rows.delete(call);
      row.remove();
    }
    for (const call of calls) {
      const row = rows.get(call);
      const isOpen = row?.querySelector('details')?.open ?? false;
      const made = rowOf(call, isOpen);
      if (row) row.replaceWith(made);
      else list.prepend(made);
      rows.set(call, made);
    }
  };
  const unwatch = watchDebugCalls(update);
  update();
  parent.append(host);
  return () => {
    unwatch();
    host.remove();
  };
}

function rowOf(call: DebugCall, isOpen: boolean): HTMLElement {
  const { method, url, wireUrl, request, response, error } = call;
  const { pathname, search } = new URL(url);
  const wire = new URL(wireUrl);
  const status = error ?? (response ? String(response.status ?? response.wireStatus) : '…');
  const details = element(
    'details',
    element('summary', `${method} ${pathname}${search} → ${status}`),
    element(
      'div',
      column(
        'You see',
        [`${method} ${pathname}${search}`, request.plain],
        [`${response?.status ?? ''}`, response?.plain],
      ),
      column(
        'The wire carries',
        [`${method} ${wire.pathname}${wire.search}`, request.wire],
        [`${response?.wireStatus ?? ''}`, response?.wire],
      ),
    ),
  );
  details.open = isOpen;
  return element('li', details);
}

function column(title: string, ...messages: (readonly [string, DebugMessage | undefined])[]): HTMLElement {
  const texts = messages.map(([line, message]) => element('pre', message ? textOf(line, message) : line));
  return element('section', element('h3', title), ...texts);
}

function textOf(line: string, { headers, body }: DebugMessage): string {
  return [line, ...headers.map(([name, value]) => `${name}: ${value}`), '', pretty(body)].join('\n');
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** Text is set as text: what a server sends is never markup here. */
function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

const STYLE = `
:host { all: initial; position: fixed; inset: auto 0 0; max-height: 45vh; overflow: auto; z-index: 2147483647;
  font: 13px/1.4 system-ui, sans-serif; color: #dbe4ee; background: #10161d; border-top: 2px solid #3f7fbf; }
header { display: flex; justify-content: space-between; padding: 6px 12px; position: sticky; top: 0; background: #10161d; }
ol { list-style: none; margin: 0; padding: 0 12px 8px; }
summary { cursor: pointer; padding: 3px 0; font-family: ui-monospace, monospace; }
div { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
section { min-width: 0; }
h3 { font-size: 12px; margin: 4px 0; color: #8fb7e0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 8px; padding: 6px; background: #1a232d; font-size: 12px; }
button { font: inherit; color: inherit; background: #24303d; border: 0; border-radius: 3px; padding: 1px 10px; cursor: pointer; }
`;
