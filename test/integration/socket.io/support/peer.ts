import type { Channel } from '../../../external/conformance/channel.js';
import { until } from '../../../support/clock.js';
import { SocketPeer, type Opening } from '../../sockets/support/peer.js';

/** Where engine.io has its sockets, and how it is asked for one in the clear. */
export const TARGET = '/socket.io/?EIO=4&transport=websocket';

/** An event as socket.io has it, in a message of engine.io. */
export const event = (name: string, data?: unknown): string => `42${JSON.stringify([name, data])}`;

/** A peer written from the protocol's text that is in the namespace `/`. */
export async function connectPeer(channel: Channel, opening: Opening = {}): Promise<SocketPeer> {
  const peer = await SocketPeer.open(channel, { target: TARGET, ...opening });
  if (!peer.isOpen) return peer;
  peer.send('40');
  await until(() => peer.read.some((text) => text.startsWith('40')) || peer.closed !== undefined);
  peer.read.length = 0;
  return peer;
}
