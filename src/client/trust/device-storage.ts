/** What is kept from one visit to the next. A `CryptoKeyPair` may be kept in IndexedDB, and its private half not be read. */
export interface StoredDevice {
  readonly keys: CryptoKeyPair;
  /** The public name of the session that is bound to the key. */
  readonly session?: string | undefined;
  /** The origin of the server that the key belongs to: no other is ever shown it. */
  readonly server?: string | undefined;
}

/** Where a device key is kept. Whoever loses it gets a new session, nothing worse. */
export interface DeviceStorage {
  get(): Promise<StoredDevice | undefined>;
  set(device: StoredDevice): Promise<void>;
}

const DATABASE = 'nestjs-e2e-encryption';
const STORE = 'devices';

/**
 * Keeps a device key in this origin's IndexedDB, which stores keys without reading them. Where there is no IndexedDB, or
 * it refuses (sandboxed frames, private windows, a full disk), the key lives as long as the client does.
 */
export function browserStorage(scope: string): DeviceStorage {
  let kept: StoredDevice | undefined;
  return {
    async get() {
      return (kept ??= await tryStore('readonly', (devices) => devices.get(scope) as IDBRequest<StoredDevice>));
    },
    async set(device) {
      kept = device;
      await tryStore('readwrite', (devices) => devices.put(device, scope));
    },
  };
}

/** `undefined` where IndexedDB is missing or refuses. The reading of the global itself throws in some sandboxes. */
async function tryStore<T>(
  mode: IDBTransactionMode,
  ask: (devices: IDBObjectStore) => IDBRequest<T>,
): Promise<T | undefined> {
  try {
    const { indexedDB } = globalThis as { indexedDB?: IDBFactory | null };
    return indexedDB ? await transact(indexedDB, mode, ask) : undefined;
  } catch {
    return undefined;
  }
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
