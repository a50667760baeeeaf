/** All channels of a session, or one channel. */
export type Ended = { readonly session: string } | { readonly kid: string };

export interface ChannelStoreOptions {
  readonly channelsPerSession: number;
  readonly cached: number;
  /** Whether a channel without a device key opens nothing, however it was created. */
  readonly requiresDevice: boolean;
  /** How long the rest of a channel is kept after it expires (PROTOCOL §5, step 6). */
  readonly againSeconds: number;
  /** Called for a record that cannot be read: it is damaged, or its secret is gone. */
  readonly onUnreadable: () => void;
  /** Called for channels that this process ended, but not for evicted ones. */
  readonly onEnded: (ended: Ended) => void;
}
