import type { NodeEngine } from '../../crypto/node.js';
import type { Bytes } from '../../protocol/crypto.js';
import { fromUtf8, utf8 } from '../../protocol/json.js';
import { hasSecret, keyKind, serverKeyKind } from '../../protocol/keys.js';
import { SECRET_BYTES } from '../../protocol/schedule.js';
import { Channel } from '../channel.js';
import { transcriptHash, type ChannelState } from '../channel-state.js';
import { concat } from './vault.js';

/** `kind` only if the client's key does not show it. */
type Head = Pick<ChannelState, 'issuedAt' | 'expiresAt' | 'clientKey'> &
  Partial<Pick<ChannelState, 'kind' | 'device' | 'isDeviceProven'>> & { readonly hasCs?: true | undefined };

/**
 * How many records the only channel of a session has: the channel, what is left of it for resent requests, its session, and
 * the session's list. A store with a limit needs room for so many for each channel that it is to keep.
 */
export const RECORDS_PER_CHANNEL = 4;

const NO_BYTES = new Uint8Array(0);

/**
 * A channel as bytes: two bytes of length, that much JSON (times, the client's keys), the transcript hash, on RSA and
 * hybrid channels `ss`, on RSA channels `cs` if it is known, and the server's private key. Bytes and not JSON, because
 * base64url inside base64url would make the record a third larger.
 */
export function encodeChannel(engine: NodeEngine, channel: Channel): Bytes {
  const state = Channel.stateOf(channel);
  const { issuedAt, expiresAt, clientKey, device, isDeviceProven, ss, cs, privateKey } = state;
  const kind = channel.kind === keyKind(clientKey) ? undefined : channel.kind;
  const head = utf8(
    JSON.stringify({ kind, issuedAt, expiresAt, clientKey, device, isDeviceProven, hasCs: cs && true } satisfies {
      [Name in keyof Head]: Head[Name] | undefined;
    }),
  );
  const length = Uint8Array.of(head.length >> 8, head.length & 0xff);
  return concat(length, head, transcriptHash(state), ss ?? NO_BYTES, cs ?? NO_BYTES, engine.packPrivateKey(privateKey));
}

/** The name that a channel's record has in the store. */
export function channelName(kid: string): string {
  return `channel:${kid}`;
}

/** The context that a record is wrapped for. No session id is empty, and no epoch has a line break. */
export function contextOf(session: string | undefined, epoch: string, kid: string): string {
  return `channel\n${session ?? ''}\n${epoch}\n${kid}`;
}

/** Decodes a channel. Only for bytes that the vault returned, which `encodeChannel` made. */
export function decodeChannel(engine: NodeEngine, kid: string, bytes: Bytes): Channel {
  const headEnd = 2 + bytes[0]! * 256 + bytes[1]!;
  const head = JSON.parse(fromUtf8(bytes.subarray(2, headEnd))) as Head;
  const { issuedAt, expiresAt, clientKey, kind = keyKind(clientKey), hasCs, device, isDeviceProven } = head;
  const thEnd = headEnd + 32;
  const ssEnd = thEnd + (hasSecret(kind) ? SECRET_BYTES : 0);
  const csEnd = ssEnd + (hasCs ? SECRET_BYTES : 0);
  return new Channel(engine, {
    kid,
    kind,
    issuedAt,
    expiresAt,
    clientKey,
    th: engine.encodeBase64url(bytes.subarray(headEnd, thEnd)),
    ss: hasSecret(kind) ? bytes.slice(thEnd, ssEnd) : undefined,
    privateKey: engine.unpackPrivateKey(serverKeyKind(kind), bytes.subarray(csEnd)),
    cs: hasCs ? bytes.slice(ssEnd, csEnd) : undefined,
    device,
    isDeviceProven,
  });
}

/** The same, or `undefined` if the bytes are no channel: another version of this package may have written them. */
export function readChannel(engine: NodeEngine, kid: string, bytes: Bytes): Channel | undefined {
  try {
    return decodeChannel(engine, kid, bytes);
  } catch {
    return undefined; // the cause may quote keys
  }
}
