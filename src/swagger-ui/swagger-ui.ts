/** What is used of Swagger UI, which has no types of its own. */

/** Of Immutable's Map. */
export interface ImmutableMap {
  get(name: string): ImmutableMap | undefined;
  getIn(path: readonly string[]): ImmutableMap | undefined;
  toJS(): unknown;
  /** Its members as they are, where `toJS` goes deep. */
  toObject(): unknown;
}

export interface Element {
  readonly type: unknown;
}

export type Component = (props: Readonly<Record<string, unknown>>) => Element | null;

export interface Context {
  readonly Provider: unknown;
}

export interface React {
  readonly Fragment: unknown;
  createElement(type: unknown, props?: object | null, ...children: unknown[]): Element;
  createContext(value: unknown): Context;
  useContext(context: Context): unknown;
}

/** The "system" that plug-ins are given. */
export interface SwaggerUi {
  readonly React: React;
  readonly fn: { readonly fetch: Http };
  readonly specSelectors: { specJson(): ImmutableMap };
  getConfigs(): { readonly e2e?: object };
  getComponent(name: string, container?: boolean): unknown;
}

/** A request on its way to the wire. */
export interface WireRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers: Record<string, string>;
  readonly body?: BodyInit;
  readonly credentials?: RequestCredentials;
  readonly signal?: AbortSignal;
  readonly requestInterceptor?: (request: WireRequest) => WireRequest | undefined | Promise<WireRequest | undefined>;
  readonly userFetch?: (url: string, request: WireRequest) => Promise<Response>;
}

/** Swagger UI's own way to the wire. */
export type Http = (request: WireRequest | string) => Promise<unknown>;

/** What the button "Execute" asks for. */
export interface TryOut {
  /** As the document has it: `/notes/{id}` */
  readonly pathName: string;
  readonly method: string;
  readonly fetch: Http;
}
