import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { E2E_SECRET, E2E_IDENTITY_KEY, SESSION_SECRET, REDIS_URL, FILES_DIR } = process.env;

/** `PLATFORM=fastify`: the same application on Fastify. */
export const isOnFastify = process.env.PLATFORM === 'fastify';

if (REDIS_URL && !(E2E_SECRET && SESSION_SECRET)) {
  console.error(
    'With REDIS_URL give E2E_SECRET and SESSION_SECRET too, the same ones to every server: without them no server ' +
      'opens what another one stored. Make each with: ' +
      `node -p "require('crypto').randomBytes(32).toString('base64url')"`,
  );
  process.exit(1);
}

// What is not configured is made fresh at each start: clients then shake hands again after a restart.
export const secret = E2E_SECRET || randomBytes(32).toString('base64url');
export const sessionSecret = SESSION_SECRET || randomBytes(32).toString('base64url');
/** PEM from an environment variable often has its line breaks written as \n. */
export const identityKey = E2E_IDENTITY_KEY?.replaceAll('\\n', '\n') || generateKeyPairSync('ed25519').privateKey;

/** `E2E_DEVICE_BINDING=required`: a copied session cookie opens no channel. The page has to know, too. */
export const deviceBinding = process.env.E2E_DEVICE_BINDING === 'required' ? 'required' : 'off';

/** With one, any number of servers is one application. */
export const redisUrl = REDIS_URL || undefined;

/** Uploaded files. Several servers on one machine share a folder; a server alone has one of its own while it runs. */
const sharedFolder = FILES_DIR || (redisUrl && join(tmpdir(), 'nestjs-e2e-encryption-files'));
export const filesFolder = {
  path: sharedFolder || join(tmpdir(), `nestjs-e2e-encryption-${randomBytes(8).toString('hex')}`),
  isTemporary: !sharedFolder,
};
