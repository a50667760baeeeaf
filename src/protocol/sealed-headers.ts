/**
 * Header fields inside a message (PROTOCOL §4): which names may be configured, and which describe a body.
 */

/** What a server takes from inside a request, and a client puts there, unless configured otherwise. */
export const DEFAULT_REQUEST_HEADERS = ['last-event-id'] as const;
/** What a server always puts inside an answer. */
export const LOCATION = 'location';
/** What it puts there besides, unless configured otherwise. A client believes none of these from outside. */
export const DEFAULT_RESPONSE_HEADERS = ['content-disposition', 'content-language', 'link'] as const;

/** What describes a body or its hash: neither end lets it through from outside a sealed message. */
export const BODY_DESCRIPTIONS: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-location',
  'content-range',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'want-digest',
  'want-content-digest',
  'want-repr-digest',
  'expect',
  'trailer',
]);

const NEVER_INSIDE = new Set(
  (
    'cookie set-cookie host origin referer content-type content-length content-encoding content-range ' +
    'transfer-encoding te trailer connection keep-alive upgrade expect range cache-control pragma expires age date ' +
    'etag last-modified vary via forwarded x-forwarded x-real-ip true-client-ip client-ip x-cluster-client-ip ' +
    'x-method-override x-sendfile accept-encoding idempotency-key e2e-request'
  ).split(' '),
);
const NEVER_INSIDE_PREFIX =
  /^(if-|x-forwarded-|x-client-|client-cert|ssl-|cf-|fastly-|fly-|x-amz|x-ms-|x-goog-|x-envoy-|x-auth-request-|x-middleware-|x-original-|x-rewrite-|x-http-method|x-accel-|proxy-|sec-|access-control-)/;

/**
 * Whether a header field of this name, in lower case, may be configured to travel inside. The list is a guard against
 * slips: a gateway sets, checks or removes these outside.
 */
export function mayTravelInside(name: string): boolean {
  return !NEVER_INSIDE.has(name) && !NEVER_INSIDE_PREFIX.test(name);
}
