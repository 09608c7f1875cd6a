import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPurge } from '../../src/oidc/adapter/index.js';
import { createApplication, PERSON, REDIRECT_URI } from '../support/application.js';
import { databases } from '../support/database.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { roundsOf } from './installation.js';

afterEach(() => void vi.useRealTimers());

const DAY_SECONDS = 86_400;
const STEP_SECONDS = DAY_SECONDS / 4;
const DAYS = 20;
/** By then the first of everything has ended: grants live for 2 + 7 + 1 days, mail links are remembered for 7. */
const LEVEL_FROM_DAY = 11;
const SIGN_INS_PER_STEP = Math.min(4, roundsOf(4));

const TABLES = ['artifacts', 'grants', 'sessions', 'one_time_tokens', 'limit_counters'] as const;
type Counts = Record<(typeof TABLES)[number], number>;

async function countRows(server: TestServer): Promise<Counts> {
  const rows = await Promise.all(
    TABLES.map((table) => server.services.db.client.$queryRawUnsafe<{ n: number | bigint }[]>(`SELECT count(*) AS n FROM ${table}`)),
  );
  return Object.fromEntries(TABLES.map((table, index) => [table, Number(rows[index]?.[0]?.n)])) as Counts;
}

/** What a quarter of a day brings. */
async function live(server: TestServer, client: { id: string; secret: string }): Promise<void> {
  const app = createApplication({ url: server.url, dataDir: server.config.dataDir, client });
  for (let turn = 0; turn < SIGN_INS_PER_STEP; turn++) {
    const { issued } = await app.authorize(await app.signIn());
    if (!issued) throw new Error('no code');
    const { refreshToken = '' } = await app.redeem(issued);
    const { refreshToken: next = '' } = await app.refresh(refreshToken);
    expect((await app.refresh(next)).status).toBe(200);
    await server.services.identity.recovery.request({ email: PERSON, ip: `192.0.2.${turn}` });
    await server.services.identity.login.withPassword({ identifier: PERSON, password: PASSWORD, ip: '192.0.2.1' });
  }
}

describe.each(databases)('twenty days of sign-ins (%s)', (provider) => {
  it('leave no more rows behind than the lifetimes of what they made', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const server = await startTestServer({
      provider,
      env: {
        REFRESH_TOKEN_IDLE_SECONDS: String(3 * DAY_SECONDS),
        REFRESH_TOKEN_ABSOLUTE_SECONDS: String(7 * DAY_SECONDS),
        SESSION_KEPT_TTL_SECONDS: String(2 * DAY_SECONDS),
      },
    });
    const byDay: Counts[] = [];
    try {
      await createPerson(server, { email: PERSON });
      const { client, clientSecret = '' } = await server.services.clients.create(
        { client_name: 'App', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'], first_party: true },
        { source: 'operator' },
      );
      const purge = createPurge({ db: server.services.db });
      for (let step = 0; step < DAYS * 4; step++) {
        await live(server, { id: client.id, secret: clientSecret });
        vi.setSystemTime(Date.now() + STEP_SECONDS * 1000);
        await purge.run();
        if (step % 4 === 3) byDay.push(await countRows(server));
      }
    } finally {
      await server.close();
    }
    console.log(
      [
        `${provider}, ${SIGN_INS_PER_STEP * 4} sign-ins a day; day: ${TABLES.join(', ')}`,
        ...byDay.map((counts, day) => `${day + 1}: ${TABLES.map((table) => counts[table]).join(', ')}`),
      ].join('\n'),
    );
    for (const table of TABLES) {
      const level = byDay[LEVEL_FROM_DAY]?.[table] ?? 0;
      const later = byDay.slice(LEVEL_FROM_DAY).map((counts) => counts[table]);
      expect({ table, most: Math.max(...later) <= level * 1.1 + SIGN_INS_PER_STEP }).toEqual({ table, most: true });
    }
  });
});
