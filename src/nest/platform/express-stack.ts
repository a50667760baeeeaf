/** What is used of an Express application to look at its middleware. */
export interface ExpressStack {
  readonly router?: { readonly stack?: readonly Layer[] };
  /** Express 4, whose `router` throws. */
  readonly _router?: ExpressStack['router'];
  readonly lazyrouter?: unknown;
}

/** A middleware, or a route, of Express' own list. */
interface Layer {
  readonly handle?: unknown;
}

/** The application's middleware, in its order. */
export function middlewareOf(app: ExpressStack): unknown[] {
  const router = app.lazyrouter === undefined ? app.router : app._router;
  return (router?.stack ?? []).map(({ handle }) => handle);
}
