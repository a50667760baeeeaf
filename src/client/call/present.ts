/** The members of a Response that its constructor does not accept. */
export interface Presentation {
  readonly url: string;
  readonly redirected: boolean;
  readonly type: ResponseType;
}

/** `response` with the members of one from `fetch`, also on its clones. */
export function present(response: Response, facts: Presentation): Response {
  const clone = response.clone.bind(response);
  return Object.defineProperties(response, {
    url: { value: facts.url },
    redirected: { value: facts.redirected },
    type: { value: facts.type },
    clone: { value: () => present(clone(), facts) },
  });
}
