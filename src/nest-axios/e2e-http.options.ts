import type { CreateAxiosDefaults } from 'axios';
import type { E2eClientOptions } from '../client/options.js';

/** One upstream server: the options of `createE2eClient`, and the defaults of its axios instance. */
export interface E2eHttpOptions extends Omit<E2eClientOptions, 'baseUrl'> {
  /** The upstream server's URL. Relative URLs are resolved against it. Nothing is sent to another origin. */
  readonly baseUrl: string | URL;
  /**
   * Whether the client keeps the upstream's session cookie. All users of your server would share that one session, so
   * set it only for an upstream that needs a session and holds no data of a user in it. Default `false`: the upstream
   * needs `session: 'channel'`.
   */
  readonly cookies?: boolean;
  /** Defaults of every request, such as `timeout` and `headers`. `baseURL` is `baseUrl`. Default none. */
  readonly axios?: Omit<
    CreateAxiosDefaults,
    'adapter' | 'baseURL' | 'httpAgent' | 'httpsAgent' | 'proxy' | 'socketPath'
  >;
}

/** Options that are known before any factory runs. */
export interface E2eHttpExtras {
  /** Tells several upstream servers apart: inject with `@InjectE2eHttp(name)`. Default: inject `E2eHttpService`. */
  readonly name?: string;
  /** Whether other modules can inject the service without importing the module. Default `false`. */
  readonly isGlobal?: boolean;
}
