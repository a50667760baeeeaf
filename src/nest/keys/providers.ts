import type { Provider } from '@nestjs/common';
import { E2E_KEYS, E2E_OPTIONS, E2E_SETTINGS, shownOptions } from '../options/e2e.options.js';
import { ChannelRegistry } from './channel-registry.js';
import { DefaultSession } from './default-session.js';
import { Entrance } from './entrance.js';
import { KeyService } from './key.service.js';
import { RunningStreams } from './running-streams.js';
import { ServerKeys } from './server-keys.js';
import { SessionLocator } from './session-locator.js';

/** `KeyService` and its parts. Each depends only on those above it. */
export const KEY_PROVIDERS: Provider[] = [
  { provide: E2E_SETTINGS, useFactory: shownOptions, inject: [E2E_OPTIONS] },
  DefaultSession,
  SessionLocator,
  ServerKeys,
  ChannelRegistry,
  RunningStreams,
  Entrance,
  { provide: E2E_KEYS, useClass: KeyService },
  { provide: KeyService, useExisting: E2E_KEYS },
];
