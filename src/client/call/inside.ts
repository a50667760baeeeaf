import { DEFAULT_REQUEST_HEADERS, DEFAULT_RESPONSE_HEADERS, LOCATION } from '../../protocol/sealed-headers.js';
import { need } from '../errors.js';
import type * as NamesPart from '../../protocol/outer-headers.js';

const USUAL: readonly string[] = [LOCATION, ...DEFAULT_REQUEST_HEADERS, ...DEFAULT_RESPONSE_HEADERS];

/** The names among these that never travel inside a message. The list is loaded with the first unusual name. */
export async function namesOutside(names: readonly string[]): Promise<readonly string[]> {
  const unusual = names.filter((name) => !USUAL.includes(name));
  if (unusual.length === 0) return unusual;
  const { mayTravelInside } = await need<typeof NamesPart>('names');
  return unusual.filter((name) => !mayTravelInside(name));
}
