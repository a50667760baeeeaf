import { commandLine, type ShownRequest } from './command-line.js';
import { fieldsOf, type OperationSealing } from './extension.js';
import type { Component, Element, ImmutableMap, SwaggerUi } from './swagger-ui.js';

interface Place {
  readonly path: string;
  readonly method: string;
}

type Wrap = (original: unknown) => Component;

const BADGE = {
  alignSelf: 'center',
  marginLeft: '8px',
  padding: '1px 8px',
  borderRadius: '10px',
  background: '#3b4151',
  color: '#fff',
  font: '600 11px/16px sans-serif',
  whiteSpace: 'nowrap',
};

/** What is known of the document that is shown. */
export interface ShownDocument {
  /** The client's `path` option. */
  readonly path: () => string;
  /** Which directions of an operation are sealed; `undefined` for none. */
  readonly sealingAt: (pathName: string, method: string) => OperationSealing | undefined;
}

/** Swagger UI's parts that show a sealed operation as something else than it is, and what they show instead. */
export function sealedParts(ui: SwaggerUi, { path, sealingAt }: ShownDocument): Record<string, Wrap> {
  const { React } = ui;
  const h: typeof React.createElement = (...given) => React.createElement(...given);
  const Shown = React.createContext(undefined);

  const snippet: Wrap = (original) =>
    function Snippet(props) {
      const sealing = React.useContext(Shown) as OperationSealing | undefined;
      if (!sealing) return h(original, props);
      const line = commandLine((props.request as ImmutableMap).toJS() as ShownRequest, sealing, path());
      return line === undefined ? null : lineOf(line);
    };

  // A curl command would send in the clear what the page has sealed.
  function lineOf(line: string): Element {
    return h(
      'div',
      { className: 'curl-command' },
      h('h4', null, 'Command line'),
      h(
        'div',
        { className: 'copy-to-clipboard' },
        h(ui.getComponent('CopyToClipboardBtn', true), { textToCopy: line }),
      ),
      h('pre', { className: 'curl microlight' }, h('code', null, line)),
    );
  }

  return {
    OperationSummaryPath: (original) =>
      function SummaryPath(props) {
        const { path: pathName, method } = (props.operationProps as ImmutableMap).toObject() as Place;
        const sealing = sealingAt(pathName, method);
        return h(React.Fragment, null, h(original, props), sealing && h('span', { style: BADGE }, wordsFor(sealing)));
      },
    liveResponse: (original) =>
      function LiveResponse(props) {
        const value = sealingAt(props.path as string, props.method as string);
        return h(Shown.Provider, { value }, h(original, props));
      },
    curl: snippet,
    RequestSnippets: snippet,
  };
}

function wordsFor(sealing: OperationSealing): string {
  if (fieldsOf(sealing)) return 'sealed fields';
  const { request, response } = sealing;
  return request && response ? 'sealed' : request ? 'sealed request' : 'sealed answer';
}
