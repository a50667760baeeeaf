import { nodeEngine } from '../crypto/node.js';
import { thumbprintInput, type SignatureAlgorithm, type SigningJwk } from '../protocol/keys.js';

/** What a deployment needs to make once. */
export interface GeneratedKeys {
  /** `E2E_SECRET`: what channel records are encrypted under at rest. */
  readonly secret: string;
  /** `E2E_IDENTITY_KEY`: the private key that signs handshakes, PKCS#8 in PEM. */
  readonly identityKey: string;
  /** What clients pin: the public key, and its thumbprint (RFC 7638). */
  readonly publicKey: SigningJwk;
  readonly thumbprint: string;
}

/** Makes a secret of 32 random bytes and an identity key. */
export function generateKeys(alg: SignatureAlgorithm): GeneratedKeys {
  const { pem, publicKey } = nodeEngine.generateIdentityKey(alg);
  return {
    secret: nodeEngine.encodeBase64url(nodeEngine.randomBytes(32)),
    identityKey: pem,
    publicKey,
    thumbprint: nodeEngine.encodeBase64url(nodeEngine.sha256(thumbprintInput(publicKey))),
  };
}

/** The keys, and where to put them. */
export function explainKeys({ secret, identityKey, publicKey, thumbprint }: GeneratedKeys): string {
  return `# Secret. For the server's environment or its secret manager; never for the repository or a log.
E2E_SECRET=${secret}
E2E_IDENTITY_KEY="${identityKey.trimEnd().replaceAll('\n', '\\n')}"

# In the server:
#   E2eModule.forRoot({
#     secret: process.env.E2E_SECRET,
#     identityKey: process.env.E2E_IDENTITY_KEY?.replaceAll('\\\\n', '\\n'),
#   })

# Public. For the client's build, so that it accepts no other server:
#   createE2eClient({ identityKeys: ['${thumbprint}'] })
# or, which saves a request to GET /e2e/identity, the key itself:
#   createE2eClient({ identityKeys: [${JSON.stringify(publicKey)}] })
`;
}
