import { signingKeyFlaw } from '../../protocol/curve-keys.js';
import { isJsonObject } from '../../protocol/json.js';
import { publicMembers, type SigningJwk } from '../../protocol/jwk.js';

/** A public signing key, checked; `undefined` for anything else, such as a key of a later protocol in the list. */
export function readSigningKey(value: unknown): SigningJwk | undefined {
  return isJsonObject(value) && !signingKeyFlaw(value) ? (publicMembers(value) as SigningJwk) : undefined;
}
