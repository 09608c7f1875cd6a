import { afterEach, beforeEach, vi } from 'vitest';
import { createSigningKeys, type SigningKeySettings, type SigningKeys } from '../../src/oidc/signing-keys/index.js';
import { type ChangeFeed, createChangeFeed } from '../../src/platform/changes/index.js';
import { createSealer, type Sealer } from '../../src/platform/crypto/index.js';
import { type Database, openDatabase } from '../../src/platform/db/index.js';
import { createTestDatabase, type TestDatabase } from './database.js';

export const HOUR_SECONDS = 3600;
export const DAY_SECONDS = 86_400;

/** Moves the clock. */
export const pass = (seconds: number) => void vi.setSystemTime(Date.now() + seconds * 1000);

/** RSA keys take their time to make; where the kind of key makes no difference, the tests use small ones. */
const quick = { algs: ['ES256'] } as const;

/** For each test of a describe block: a database, a clock that stands still, and as many processes over them as are asked for. */
export function useSigningKeys(provider: Database['provider']) {
  let database: TestDatabase;
  const opened: Database[] = [];
  const feeds: ChangeFeed[] = [];
  const errors: unknown[] = [];
  const audited: unknown[] = [];

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    database = await createTestDatabase(provider);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
    await Promise.all(opened.splice(0).map((db) => db.close()));
    await database.drop();
    errors.length = 0;
    audited.length = 0;
  });

  /** A process of its own: its own connection where the database allows it, its own feed and cache. */
  async function process({
    settings = quick,
    sealer = createSealer(Buffer.alloc(32, 1)),
  }: {
    settings?: Partial<SigningKeySettings>;
    sealer?: Sealer;
  } = {}) {
    // A second SQLite connection in this very process could only wait by blocking the event loop that the first one needs.
    const db = provider === 'postgresql' ? await openDatabase({ url: database.url }) : database.db;
    if (db !== database.db) opened.push(db);
    const changes = createChangeFeed({ db });
    feeds.push(changes);
    const keys = createSigningKeys({
      db,
      sealer,
      changes,
      settings,
      audit: { record: async (event) => void audited.push(event) },
      log: { info: () => undefined, warn: () => undefined, error: (entry: unknown) => void errors.push(entry) },
    });
    return { keys, changes };
  }

  return {
    errors,
    audited,
    process,
    client: () => database.db.client,
    async open(settings: Partial<SigningKeySettings> = {}): Promise<SigningKeys> {
      const { keys } = await process({ settings: { ...quick, ...settings } });
      await keys.open();
      return keys;
    },
  };
}

/** The states of all keys, in alphabetical order. */
export const statesOf = async (keys: SigningKeys) => (await keys.list()).map(({ state }) => state).sort();

export const kidOf = async (keys: SigningKeys, state: string) => (await keys.list()).find((key) => key.state === state)?.kid;
