/** Header fields inside a message (PROTOCOL §4): which are inside by default, and which describe a body. */

/** What a server accepts inside a request, and a client puts there, by default. */
export const DEFAULT_REQUEST_HEADERS = ['last-event-id'] as const;
/** What a server always puts inside a response. */
export const LOCATION = 'location';
/** What it also puts there by default. A client trusts none of these from outside. */
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
