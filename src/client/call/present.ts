/** What a Response says of how it came, which no constructor of one takes. */
export interface Presentation {
  readonly url: string;
  readonly redirected: boolean;
  readonly type: ResponseType;
}

/** `response`, saying of itself what one from `fetch` would; so do its clones. */
export function present(response: Response, facts: Presentation): Response {
  const clone = response.clone.bind(response);
  return Object.defineProperties(response, {
    url: { value: facts.url },
    redirected: { value: facts.redirected },
    type: { value: facts.type },
    clone: { value: () => present(clone(), facts) },
  });
}
