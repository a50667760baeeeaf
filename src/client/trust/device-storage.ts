/** What is stored between visits. IndexedDB can store a `CryptoKeyPair` whose private key cannot be exported. */
export interface StoredDevice {
  readonly keys: CryptoKeyPair;
  /** The public name of the session that is bound to the key. */
  readonly session?: string | undefined;
  /** The origin of the server that the key belongs to. No other server ever sees it. */
  readonly server?: string | undefined;
}

/** Where a device key is stored. If it is lost, the user only gets a new session. */
export interface DeviceStorage {
  get(): Promise<StoredDevice | undefined>;
  set(device: StoredDevice): Promise<void>;
}

const DATABASE = 'nestjs-e2e-encryption';
const STORE = 'devices';

/**
 * Stores a device key in this origin's IndexedDB, which can store keys without exporting them. If IndexedDB is missing or
 * fails (sandboxed frames, private windows, a full disk), the key lives as long as the client.
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

/** `undefined` if IndexedDB is missing or fails. In some sandboxes, reading the global itself throws. */
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
    // A write counts only after the transaction has ended.
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
