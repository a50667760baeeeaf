/** Header fields that never travel inside a message (PROTOCOL §4). */
const NEVER_INSIDE = new Set(
  (
    'cookie set-cookie host origin referer content-type content-length content-encoding content-range ' +
    'transfer-encoding te trailer connection keep-alive upgrade expect range cache-control pragma expires age date ' +
    'etag last-modified vary via forwarded x-forwarded x-real-ip true-client-ip client-ip x-cluster-client-ip ' +
    'x-method-override x-sendfile accept-encoding idempotency-key e2e-request e2e-fields'
  ).split(' '),
);
const NEVER_INSIDE_PREFIX =
  /^(if-|x-forwarded-|x-client-|client-cert|ssl-|cf-|fastly-|fly-|x-amz|x-ms-|x-goog-|x-envoy-|x-auth-request-|x-middleware-|x-original-|x-rewrite-|x-http-method|x-accel-|proxy-|sec-|access-control-)/;

/**
 * Whether a header field of this name, in lower case, may be configured to travel inside. The list only catches
 * mistakes: gateways set, check or remove these fields outside.
 */
export function mayTravelInside(name: string): boolean {
  return !NEVER_INSIDE.has(name) && !NEVER_INSIDE_PREFIX.test(name);
}
