import { JSON_MEDIA_TYPE } from '../protocol/media-type.js';
import type { KnownRoute } from './routes.js';
import type { Operation } from './operations.js';
import { HANDSHAKE_PROBLEMS, problemReference, type ResponseObject } from './problems.js';

type ChannelRoute = NonNullable<KnownRoute['channelRoute']>;
type Schema = NonNullable<NonNullable<ResponseObject['content']>[string]['schema']>;

const TEXT: Schema = { type: 'string' };
const JWK: Schema = { type: 'object', description: 'A public JWK.', additionalProperties: true };

const HANDSHAKE: Schema = {
  type: 'object',
  required: ['publicKey'],
  properties: { publicKey: JWK, device: { ...JWK, description: 'The public JWK of a device key.' } },
};

const CHANNEL: Schema = {
  type: 'object',
  required: ['publicKey', 'kid', 'issuedAt', 'expiresAt', 'session'],
  properties: {
    publicKey: JWK,
    kid: { ...TEXT, description: "The channel's name: the thumbprint of the server's key." },
    secret: { ...TEXT, description: 'On RSA channels.' },
    issuedAt: { type: 'integer', description: 'Seconds since 1970.' },
    expiresAt: { type: 'integer', description: 'Seconds since 1970.' },
    session: TEXT,
    device: { ...TEXT, description: 'The thumbprint of the device key that the session is bound to.' },
    proof: { ...TEXT, description: "A JWS by the server's identity key." },
  },
};

const IDENTITY: Schema = {
  type: 'object',
  required: ['keys'],
  properties: { keys: { type: 'array', items: JWK } },
};

const DESCRIPTIONS: Readonly<Record<ChannelRoute, Partial<Operation>>> = {
  handshake: {
    summary: 'Opens a channel',
    description: 'Clients call it by themselves. Its response has the keys for later requests.',
    requestBody: { required: true, content: { [JSON_MEDIA_TYPE]: { schema: HANDSHAKE } } },
    responses: {
      201: { description: 'The channel.', content: { [JSON_MEDIA_TYPE]: { schema: CHANNEL } } },
      415: { description: 'A handshake is `application/json`.' },
      ...Object.fromEntries([...HANDSHAKE_PROBLEMS.keys()].map((status) => [status, problemReference(status)])),
    },
  },
  identity: {
    summary: 'The public keys that sign handshakes',
    description: 'For a deployer to read what clients are to pin.',
    responses: {
      200: { description: 'A JWK set.', content: { 'application/jwk-set+json': { schema: IDENTITY } } },
    },
  },
};

/** One of the module's own two routes, which no decorator of `@nestjs/swagger` describes. */
export function describeChannelRoute(route: ChannelRoute, operation: Operation): Operation {
  return { ...operation, ...DESCRIPTIONS[route] };
}
