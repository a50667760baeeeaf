import { E2eClientError } from '../errors.js';
import type { OutgoingRequest } from './outgoing.js';
import { isRepeatable } from './request.js';

/** How many redirects are followed, as by `fetch`. */
const MAX_REDIRECTS = 20;

/**
 * The request that follows a sealed redirect, after that many redirects, within the same origin.
 *
 * @throws E2eClientError `redirect-refused`.
 */
export function follow(from: OutgoingRequest, status: number, location: string, before: number): OutgoingRequest {
  if (from.redirect === 'error') throw refused('the call refuses redirects');
  const next = readLocation(location, from.url);
  if (next?.origin !== from.url.origin) throw refused('it leads to another origin');
  if (before >= MAX_REDIRECTS) throw refused(`it is the ${MAX_REDIRECTS + 1}st in a row`);
  const request = redirectRequest(from, status, next);
  if (!isRepeatable(request)) {
    throw refused(
      'the body is a stream, which cannot be read again from its start. Give the client a Blob, a File or bytes, or call the target itself',
    );
  }
  return request;
}

/** The request that `fetch` would follow a redirect with (Fetch §4.4). */
function redirectRequest(from: OutgoingRequest, status: number, location: URL): OutgoingRequest {
  const toGet = status === 303 ? from.method !== 'GET' : status < 303 && from.method === 'POST';
  if (!location.hash) location.hash = from.url.hash;
  if (!toGet) return { ...from, url: location };
  const headers = new Headers(from.headers);
  for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type']) headers.delete(name);
  // The new request has no body with fields, but its response may have some.
  const e2e = from.e2e.fields ? { ...from.e2e, fields: [] } : from.e2e;
  // Without the plain body, there is no reason to send the query in the clear.
  return { ...from, url: location, method: 'GET', headers, body: undefined, mediaType: undefined, sealed: true, e2e };
}

function readLocation(location: string, from: URL): URL | undefined {
  try {
    return new URL(location, from);
  } catch {
    return undefined;
  }
}

function refused(reason: string): E2eClientError {
  return new E2eClientError('redirect-refused', `The redirect was not followed: ${reason}.`);
}
