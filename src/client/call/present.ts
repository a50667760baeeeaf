/** `response`, saying of itself what one from `fetch` would; so do its clones. */
export function present(response: Response, url: string, redirected: boolean): Response {
  const clone = response.clone.bind(response);
  return Object.defineProperties(response, {
    url: { value: url },
    redirected: { value: redirected },
    clone: { value: () => present(clone(), url, redirected) },
  });
}
