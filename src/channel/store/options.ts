/** All channels of a session, or one channel. */
export type Ended = { readonly session: string } | { readonly kid: string };

export interface ChannelStoreOptions {
  readonly channelsPerSession: number;
  readonly cached: number;
  /** Whether a channel without a device key opens nothing, however it came to be. */
  readonly requiresDevice: boolean;
  /** What is left of a channel outlives it by so long (PROTOCOL §5 step 6). */
  readonly againSeconds: number;
  /** Told of a record that is there and cannot be read: damaged, or its secret is gone. */
  readonly onUnreadable: () => void;
  /** Told of channels that this process ended, though not of those that made room for others. */
  readonly onEnded: (ended: Ended) => void;
}
