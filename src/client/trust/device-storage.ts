/** What is kept from one visit to the next. A `CryptoKeyPair` may be kept in IndexedDB, and its private half not be read. */
export interface StoredDevice {
  readonly keys: CryptoKeyPair;
  /** The public name of the session that is bound to the key. */
  readonly session?: string | undefined;
}

/** Where a device key is kept. Whoever loses it gets a new session, nothing worse. */
export interface DeviceStorage {
  get(): Promise<StoredDevice | undefined>;
  set(device: StoredDevice): Promise<void>;
}

const DATABASE = 'nestjs-e2e-encryption';
const STORE = 'devices';

/**
 * Keeps a device key in this origin's IndexedDB, which stores keys without reading them; `undefined` where there is no
 * IndexedDB.
 */
export function indexedDbStorage(scope: string): DeviceStorage | undefined {
  const { indexedDB } = globalThis as { indexedDB?: IDBFactory };
  if (!indexedDB) return undefined;
  return {
    get: () => transact(indexedDB, 'readonly', (devices) => devices.get(scope) as IDBRequest<StoredDevice | undefined>),
    set: async (device) => {
      await transact(indexedDB, 'readwrite', (devices) => devices.put(device, scope));
    },
  };
}

/** Keeps it as long as the client lives. */
export function memoryStorage(): DeviceStorage {
  let kept: StoredDevice | undefined;
  return {
    get: () => Promise.resolve(kept),
    set: (device) => {
      kept = device;
      return Promise.resolve();
    },
  };
}

async function transact<T>(
  factory: IDBFactory,
  mode: IDBTransactionMode,
  ask: (devices: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = factory.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const answer = await settled(ask(transaction.objectStore(STORE)));
    // What was written counts once the transaction has ended.
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error('IndexedDB failed'));
    });
    return answer;
  } finally {
    database.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB failed'));
  });
}
