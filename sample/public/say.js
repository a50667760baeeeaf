import { byId } from './dom.js';

/** A response that is not 2xx. */
export class Refusal extends Error {
  constructor(status, value) {
    super([value?.message ?? 'The server rejected the request'].flat().join('; '));
    this.status = status;
  }
}

/** What happened last. */
export function say(text) {
  byId('status').textContent = text;
}

export function explain(error) {
  if (error instanceof TypeError) return `The server did not answer (${error.message}).`;
  const code = error.code ? ` (${error.code})` : '';
  return error instanceof Refusal ? `${error.message} (${error.status})` : `${error.message}${code}`;
}

/** Runs `work`; where it fails, says so in the element `where`, and answers `undefined`. */
export async function attempt(where, work) {
  byId(where).textContent = '';
  try {
    return await work();
  } catch (error) {
    byId(where).textContent = explain(error);
    return undefined;
  }
}
