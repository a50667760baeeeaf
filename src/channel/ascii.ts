/** The bytes of a text that is known to be ASCII, as base64url is: a third of the time that UTF-8 takes. */
export function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
