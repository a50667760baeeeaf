/** The bytes of a string that is known to be ASCII, such as base64url. It takes a third of the time of UTF-8. */
export function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
