import { Inject, type OnApplicationShutdown } from '@nestjs/common';
import { HttpService } from '@nestjs/axios';
import axios, { type AxiosInstance } from 'axios';
import { sealAxios } from '../axios/seal-axios.js';
import { createE2eClient, type E2eClient } from '../client/lazy.js';
import type { E2eHttpOptions } from './e2e-http.options.js';

const OWN_FETCH = 'Pass a fetch that does it in the option "fetch".';
/** Defaults of axios that cannot work, and what to do instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  adapter: 'Leave it out.',
  baseURL: 'Use the option "baseUrl".',
  httpAgent: OWN_FETCH,
  httpsAgent: OWN_FETCH,
  proxy: OWN_FETCH,
  socketPath: OWN_FETCH,
};

/**
 * The `HttpService` of `@nestjs/axios`, with every request sealed. It is a class of its own: a module that imports
 * `HttpModule` as well never gets the plain service in its place.
 *
 * @example
 * @Injectable()
 * export class BillingService {
 *   constructor(private readonly http: E2eHttpService) {}
 *
 *   findInvoices() {
 *     return this.http.get<Invoice[]>('invoices', { params: { status: 'open' } });
 *   }
 * }
 */
export class E2eHttpService extends HttpService implements OnApplicationShutdown {
  /**
   * @param instance an axios instance that `sealAxios` has sealed.
   * @param client the client that seals it. It has the same channel: use it for streams, event sources and sockets.
   */
  constructor(
    instance: AxiosInstance,
    readonly client: E2eClient,
  ) {
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-assertion -- axios declares its types twice, for import and for require; in our CommonJS build, @nestjs/axios has the other copy
    super(instance as never);
  }

  /** Discards the channel and its keys. It is the last hook, so other hooks can still send requests. */
  onApplicationShutdown(): void {
    this.client.close();
  }
}

/**
 * The token of the service with that name, for `useFactory` and `module.get()`. Without a name it is `E2eHttpService`.
 *
 * @example
 * const billing = app.get<E2eHttpService>(getE2eHttpToken('billing'));
 */
export function getE2eHttpToken(name?: string): string | typeof E2eHttpService {
  return name === undefined ? E2eHttpService : `E2eHttpService:${name}`;
}

/**
 * Injects the service of the upstream server that was registered with that name.
 *
 * @example
 * @Injectable()
 * export class CheckoutService {
 *   constructor(
 *     @InjectE2eHttp('billing') private readonly billing: E2eHttpService,
 *     @InjectE2eHttp('stock') private readonly stock: E2eHttpService,
 *   ) {}
 * }
 */
export function InjectE2eHttp(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getE2eHttpToken(name));
}

/** @throws TypeError if an option is wrong. */
export function createHttpService(options: E2eHttpOptions | undefined, name: string | undefined): E2eHttpService {
  try {
    if (!options?.baseUrl) throw new TypeError('baseUrl is missing. Set it to the URL of the upstream server.');
    const { axios: defaults = {}, cookies = false, ...rest } = options;
    checkDefaults(defaults);
    const client = createE2eClient({ ...rest, cookies });
    const baseURL = `${String(options.baseUrl).replace(/\/+$/, '')}/`;
    return new E2eHttpService(sealAxios(axios.create({ ...defaults, baseURL }), client), client);
  } catch (cause) {
    const upstream = name === undefined ? '' : ` "${name}"`;
    throw new TypeError(`E2eHttpModule${upstream}: ${cause instanceof Error ? cause.message : 'invalid options'}`, {
      cause,
    });
  }
}

/** Without this check, axios's fetch adapter would silently ignore these, or they would be overwritten. */
function checkDefaults(defaults: object): void {
  for (const [option, instead] of Object.entries(UNSUPPORTED)) {
    if ((defaults as Record<string, unknown>)[option]) {
      throw new TypeError(`axios.${option} has no effect, because requests are sent by the client. ${instead}`);
    }
  }
}
