import { randomBytes } from 'node:crypto';

/** A text that occurs nowhere by chance. */
export function makeCanary(): string {
  return `canary${randomBytes(12).toString('hex')}`;
}

/** Whether the text holds the canary, as it is or in an encoding that anyone undoes. */
export function holds(text: string, canary: string): boolean {
  return disguises(canary).some((disguise) => text.toLowerCase().includes(disguise.toLowerCase()));
}

function disguises(canary: string): string[] {
  const bytes = Buffer.from(canary);
  const each = (write: (byte: number) => string) => [...bytes].map(write).join('');
  const hex = (byte: number, digits: number) => byte.toString(16).padStart(digits, '0');
  const base64 = [0, 1, 2].map((shift) => base64At(bytes, shift));
  return [
    canary,
    [...canary].reverse().join(''),
    each((byte) => hex(byte, 2)),
    each((byte) => `%${hex(byte, 2)}`),
    each((byte) => `\\u${hex(byte, 4)}`),
    each((byte) => `\\x${hex(byte, 2)}`),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
}

/** The base64 of the bytes where `shift` others stand before them: only the characters that are theirs alone. */
function base64At(bytes: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
  return text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
}
