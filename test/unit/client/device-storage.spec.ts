import { afterEach, describe, expect, it } from '@jest/globals';
import { browserStorage } from '../../../src/client/trust/device-storage.js';

type Handler = 'onsuccess' | 'onerror';

const keys = { publicKey: {}, privateKey: {} } as CryptoKeyPair;
const refuse = (name: string) => () => {
  throw new DOMException('refused', name);
};
const later = <T extends object>(request: T, event: Handler) => {
  setTimeout(() => (request as Partial<Record<Handler, () => void>>)[event]?.());
  return request;
};
const failing = (name: string) => () => later({ error: new DOMException('refused', name) }, 'onerror');
const storing = (put: () => unknown) => () => {
  const transaction = () => {
    const done: { objectStore?: () => object; oncomplete?: () => void } = {};
    done.objectStore = () => ({ put, get: () => later({ result: undefined }, 'onsuccess') });
    setTimeout(() => setTimeout(() => done.oncomplete?.(), 5));
    return done;
  };
  return later({ result: { transaction, close: () => undefined } }, 'onsuccess');
};

function useIndexedDb(descriptor: PropertyDescriptor): void {
  Object.defineProperty(globalThis, 'indexedDB', { configurable: true, ...descriptor });
}

afterEach(() => {
  delete (globalThis as { indexedDB?: unknown }).indexedDB;
});

describe('a device key is kept in memory where IndexedDB', () => {
  it.each<[string, PropertyDescriptor | undefined]>([
    ['is missing', undefined],
    ['throws when it is named', { get: refuse('SecurityError') }],
    ['is null', { value: null }],
    ['throws when it is opened', { value: { open: refuse('SecurityError') } }],
    ['fails when it is opened', { value: { open: failing('InvalidStateError') } }],
    ['takes no keys', { value: { open: storing(refuse('DataCloneError')) } }],
    ['is full', { value: { open: storing(failing('QuotaExceededError')) } }],
  ])('%s', async (_, descriptor) => {
    if (descriptor) useIndexedDb(descriptor);
    const storage = browserStorage('https://api.example.com/e2e/handshake');
    expect(await storage.get()).toBeUndefined();
    await storage.set({ keys });
    await storage.set({ keys, session: 'a' });
    expect(await storage.get()).toEqual({ keys, session: 'a' });
  });
});
