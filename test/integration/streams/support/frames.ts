import { createCipheriv, createHash, hkdfSync } from 'node:crypto';
import type { Channel, Message, Sealed } from '../../../external/conformance/channel.js';
import { send, type Outgoing } from '../../../external/conformance/wire.js';

/** PROTOCOL §6, from its text alone. */
export const KIND = { more: 0, last: 1, failed: 2 } as const;

export function frame(key: Buffer, number: number, kind: number, plaintext: Uint8Array | string): Buffer {
  const text = Buffer.from(plaintext);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(kind * 2 ** 24 + text.length + 16);
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(header);
  return Buffer.concat([header, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

export interface Upload {
  readonly message: Message;
  readonly head: Buffer;
  readonly frames: readonly Buffer[];
}

/** A head, and a body in frames of these pieces. */
export function upload(
  channel: Channel,
  target: string,
  cty: string,
  pieces: readonly (Uint8Array | string)[],
  { end = KIND.last, members = {} }: { end?: number; members?: Record<string, unknown> } = {},
): Upload {
  const message = channel.message('POST', target, undefined, { cty, frames: 'body', ...members });
  const salt = createHash('sha256').update(message.jwe).digest();
  const key = Buffer.from(hkdfSync('sha256', channel.keys.requestFrames, salt, 'e2e/1 frames', 32));
  const frames = pieces.map((piece, index) => frame(key, index, index === pieces.length - 1 ? end : KIND.more, piece));
  return { message, head: Buffer.from(`${message.jwe}\n`), frames };
}

type SendOptions = Pick<Outgoing, 'chunked' | 'bodyAfter' | 'before'> & { body?: Buffer };

/** Sends it whole, or these bytes in its place, and opens the answer. */
export async function sendUpload(
  channel: Channel,
  { message, head, frames }: Upload,
  { body = Buffer.concat([head, ...frames]), chunked = true, ...slowly }: SendOptions = {},
): Promise<Sealed> {
  const reply = await send(channel.visitor.base, {
    method: 'POST',
    target: String(message.header.target),
    headers: { 'Content-Type': 'application/vnd.e2e.stream', Cookie: String(channel.visitor.jar) },
    body,
    chunked,
    ...slowly,
  });
  return channel.open(reply, message);
}
