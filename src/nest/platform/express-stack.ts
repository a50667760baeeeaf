/** What is used of an Express application to look at its middleware. */
export interface ExpressStack {
  readonly router?: { readonly stack?: Layer[] };
  /** Express 4, whose `router` throws. */
  readonly _router?: ExpressStack['router'];
  readonly lazyrouter?: unknown;
}

/** A middleware, or a route, of Express' own list. */
interface Layer {
  readonly handle?: unknown;
  readonly name?: string;
}

/** The application's middleware, in its order. */
export function middlewareOf(app: ExpressStack): unknown[] {
  return stackOf(app).map(({ handle }) => handle);
}

/** Moves the middleware that was added last to the front, after what Express 4 itself needs there. */
export function putLastFirst(app: ExpressStack): void {
  const stack = stackOf(app);
  const own = stack.findLastIndex(({ name }) => name === 'expressInit') + 1;
  stack.splice(own, 0, ...stack.splice(-1));
}

function stackOf(app: ExpressStack): Layer[] {
  return (app.lazyrouter === undefined ? app.router : app._router)?.stack ?? [];
}
