import type { INestApplication, Type, WebSocketAdapter } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo, Server } from 'node:net';
import { WebSocket } from 'ws';
import {
  createE2eClient,
  type E2eClient,
  type E2eClientError,
  type E2eClientOptions,
} from '../../../../src/client/index.js';
import { parseSigningKey, thumbprintInput, type SigningJwk } from '../../../../src/protocol/keys.js';
import { nodeEngine } from '../../../../src/crypto/node.js';
import { Visitor } from '../../../external/conformance/channel.js';
import { Jar } from '../../../external/conformance/wire.js';
import { TestApp, type PlatformName } from '../../../integration/e2e/support/apps.js';
import { errorOf, postJson } from '../../../integration/e2e/support/raw.js';
import { E2eWsAdapter } from '../../../../src/ws/index.js';
import { BankGateway, OtherGateway } from './bank-gateway.js';
import { BankController, calls, type Call } from './bank.js';
import { ShopController } from './shop.js';
import { mountVault, VAULT } from './vault.js';
import { Proxy, type Passing, type Rule } from './proxy.js';

/** A long-term signing key, with what a client pins of it. */
export interface Identity {
  readonly pem: string;
  readonly jwk: SigningJwk;
  readonly thumbprint: string;
}

export function makeIdentity(): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const jwk = parseSigningKey(publicKey.export({ format: 'jwk' }));
  return {
    pem: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    jwk,
    thumbprint: nodeEngine.encodeBase64url(nodeEngine.sha256(thumbprintInput(jwk))),
  };
}

/** A server that is not as most attacks need it. */
export interface HarnessSetup {
  readonly allowPlainJwe?: boolean;
  readonly device?: boolean;
  readonly gateways?: readonly Type<unknown>[];
  readonly adapter?: (nest: INestApplication) => WebSocketAdapter;
}

/** A server, and for each attack a proxy of its own before it. */
export class Harness {
  proxy!: Proxy;
  readonly calls = calls;
  readonly #clients: E2eClient[] = [];

  private constructor(
    readonly platform: PlatformName,
    readonly app: TestApp,
    /** The key that the server signs with now. */
    readonly identity: Identity,
    /** The one that it signed with before; it is still published. */
    readonly formerIdentity: Identity,
  ) {}

  static async start(platform: PlatformName, setup: HarnessSetup = {}): Promise<Harness> {
    const { allowPlainJwe = false, device = false, gateways = [BankGateway, OtherGateway] } = setup;
    const [identity, former] = [makeIdentity(), makeIdentity()];
    const app = await TestApp.start(platform, {
      controllers: [BankController, ShopController],
      providers: [...gateways],
      configure: async (nest) => {
        await mountVault(nest, platform);
        nest.useWebSocketAdapter(setup.adapter?.(nest) ?? new E2eWsAdapter(nest));
        if (platform === 'express') return;
        // As it is: its handler reads the request itself.
        const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
        fastify.addContentTypeParser('text/csv', (_, __, done) => done(null));
      },
      e2e: {
        identityKey: [identity.pem, former.pem],
        allowPlainJwe,
        sealedPaths: [VAULT],
        deviceBinding: device ? 'required' : 'off',
        keyPool: { size: 0 },
      },
    });
    return new Harness(platform, app, identity, former);
  }

  /** Before each attack: a new proxy, and nothing has run. */
  async begin(): Promise<void> {
    this.proxy = await Proxy.before(this.url);
    calls.length = 0;
  }

  async end(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    await this.proxy.close();
  }

  /** The real client, whose every byte passes the proxy. */
  client(options: E2eClientOptions = {}): E2eClient {
    const client = createE2eClient({ baseUrl: this.proxy.url, keyKind: 'X25519', webSocket: WebSocket, ...options });
    this.#clients.push(client);
    return client;
  }

  /** The real client, with the server's identity pinned. */
  pinned(options: E2eClientOptions = {}): E2eClient {
    return this.client({ identityKeys: [this.identity.thumbprint], ...options });
  }

  /** The attacker as a client of its own: with the victim's cookie, where it has seen one. */
  attacker(cookie?: string): Visitor {
    const jar = new Jar();
    if (cookie !== undefined) {
      jar.take({ status: 0, headers: { 'set-cookie': cookie.split('; ') }, rawHeaders: [], body: '' });
    }
    return new Visitor(this.url, jar);
  }

  /** The server itself: the attacker need not go through its own proxy. */
  get url(): string {
    return `http://127.0.0.1:${((this.app.nest.getHttpServer() as Server).address() as AddressInfo).port}`;
  }

  /** The cookie as the proxy saw it last. */
  get cookie(): string {
    return String(this.proxy.seen.findLast(({ request }) => request.headers.cookie)?.request.headers.cookie);
  }

  /** The cookie as the server last gave it out. */
  get cookieGiven(): string {
    const answer = this.proxy.seen.findLast((passed) => passed.answer?.headers['set-cookie'])?.answer;
    return String(answer?.headers['set-cookie']).split(';')[0] ?? '';
  }

  /** The routes whose handlers ran, in order. */
  get ran(): string[] {
    return calls.map(({ route }: Call) => route);
  }

  /** Interferes with the requests to this path, and lets all others pass. */
  on(path: string, rule: Rule): void {
    this.proxy.rule = (request, forward) =>
      request.target.startsWith(path) ? rule(request, forward) : forward(request);
  }
}

export const post = postJson;

/** The client's error that this call ends in; anything else fails the test. */
export async function refusalOf(call: Promise<unknown>): Promise<Pick<E2eClientError, 'code' | 'problem' | 'status'>> {
  const { code, problem, status } = await errorOf(call);
  return { code, problem, status };
}

/** The message of a request that passed, wherever it stood. */
export function messageOf({ headers, body }: Passing): string {
  return typeof headers['e2e-request'] === 'string' ? headers['e2e-request'] : body;
}
