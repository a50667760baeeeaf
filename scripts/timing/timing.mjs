// What the time of a refusal tells: Welch's t-test over `message-rejected` by cause, as in "Dude, is my code constant
// time?" (Reparaz, Balasch, Verbauwhede, 2017), against the built package in this process, without the noise of HTTP.
//
//   npm run timing -- [samples of each cause, 3000]
import { constants, createPublicKey, publicEncrypt, randomBytes, randomInt } from 'node:crypto';
import { loopback, SESSION } from '../support/loopback.mjs';

const SAMPLES = Number(process.argv[2] ?? 3000);
const WARM_UP = 200;
/** Different inputs of each cause: as many of one as of the other, so that caches treat all alike. */
const INPUTS = 100;
/** Above this |t|, two distributions differ (dudect's own threshold). */
const DIFFERENT = 4.5;
/** Of the slowest, this share is cut off: other processes, garbage collection. */
const CROPPED = 0.1;

const harness = loopback('RSA');
await harness.call();
const serverKey = createPublicKey({ key: harness.handshake.publicKey, format: 'jwk' });
const [, , iv, ciphertext] = harness.message.split('.');
const honest = JSON.parse(Buffer.from(harness.message.split('.')[0], 'base64url').toString());

const b64u = (bytes) => Buffer.from(bytes).toString('base64url');
const message = (header, encryptedKey = '') =>
  [b64u(JSON.stringify(header)), encryptedKey, iv, ciphertext, b64u(randomBytes(16))].join('.');
/** The two ways in which a stranger has the server decrypt an RSA ciphertext of his. */
const direct = (encrypted) => message({ ...honest, ek: b64u(encrypted) });
const plain = (encrypted) => message({ ...honest, alg: 'RSA-OAEP-256', ek: undefined }, b64u(encrypted));

const oaep = (bytes) => {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt({ key: serverKey, padding, oaepHash: 'sha256' }, bytes);
};
/** A ciphertext that decrypts to a block which is not OAEP's, and begins with this byte. */
const raw = (first) => {
  const block = randomBytes(serverKey.asymmetricKeyDetails.modulusLength / 8);
  block[0] = first;
  return publicEncrypt({ key: serverKey, padding: constants.RSA_NO_PADDING }, block);
};

const binding = { method: 'POST', target: '/transfer', idem: undefined };
const elsewhere = { ...binding, target: '/refund' };
const CAUSES = {
  'four parts': { make: () => harness.message.split('.').slice(0, 4).join('.') },
  'header is not JSON': { make: () => ['AAAA', '', iv, ciphertext, b64u(randomBytes(16))].join('.') },
  'wrong tag': { make: () => message(honest) },
  'wrong target': { make: () => harness.message, at: elsewhere },
  'dir: ek good, wrong tag': { make: () => direct(oaep(randomBytes(32))) },
  'dir: ek of 16 bytes': { make: () => direct(oaep(randomBytes(16))) },
  'dir: no OAEP, first byte 0': { make: () => direct(raw(0)) },
  'dir: no OAEP, first byte 1': { make: () => direct(raw(1)) },
  'plain: key good, wrong tag': { make: () => plain(oaep(randomBytes(32))) },
  'plain: no OAEP, first byte 0': { make: () => plain(raw(0)) },
  'plain: no OAEP, first byte 1': { make: () => plain(raw(1)) },
};
const names = Object.keys(CAUSES);
const inputs = new Map(names.map((name) => [name, Array.from({ length: INPUTS }, CAUSES[name].make)]));
const times = new Map(names.map((name) => [name, []]));

for (let round = -WARM_UP; round < SAMPLES; round++) {
  // All causes in each round, in an order of its own: what disturbs one disturbs all.
  for (const name of shuffled(names)) {
    const text = inputs.get(name)[randomInt(INPUTS)];
    const at = CAUSES[name].at ?? binding;
    const begin = process.hrtime.bigint();
    const outcome = await harness.channels.open(SESSION.id, text, at).then(
      () => 'opened',
      (error) => error.code,
    );
    const took = Number(process.hrtime.bigint() - begin) / 1000;
    if (outcome !== 'message-rejected') throw new Error(`${name}: ${outcome}`);
    if (round >= 0) times.get(name).push(took);
  }
}

const cropped = new Map(
  [...times].map(([name, all]) => [name, sorted(all).slice(0, Math.ceil(all.length * (1 - CROPPED)))]),
);
console.log(`${SAMPLES} samples of each cause, the slowest ${CROPPED * 100} % cut off; microseconds\n`);
console.log(`${'cause'.padEnd(30)}  median    mean`);
for (const [name, values] of cropped) {
  console.log(
    `${name.padEnd(30)} ${median(values).toFixed(1).padStart(7)} ${moments(values).mean.toFixed(1).padStart(7)}`,
  );
}
console.log(`\nWelch's t (|t| > ${DIFFERENT}: they differ)`);
for (const [index, one] of names.entries()) {
  for (const other of names.slice(index + 1)) {
    const t = welch(cropped.get(one), cropped.get(other));
    const verdict = Math.abs(t) > DIFFERENT ? 'differ' : '-';
    console.log(`${one.padEnd(30)} ${other.padEnd(30)} ${t.toFixed(1).padStart(9)}  ${verdict}`);
  }
}

function welch(a, b) {
  const [first, second] = [moments(a), moments(b)];
  return (first.mean - second.mean) / Math.sqrt(first.variance / a.length + second.variance / b.length);
}

function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}

function sorted(values) {
  return [...values].sort((a, b) => a - b);
}

/** Of values in order. */
function median(values) {
  return values[Math.floor(values.length / 2)];
}

function shuffled(list) {
  const left = [...list];
  return list.map(() => left.splice(randomInt(left.length), 1)[0]);
}
