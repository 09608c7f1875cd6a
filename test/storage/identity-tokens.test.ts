import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createOneTimeTokens, type OneTimeTokens } from '../../src/identity/one-time-tokens/index.js';
import { createSignInTickets } from '../../src/identity/sign-in-tickets/index.js';
import { createPurge } from '../../src/oidc/adapter/index.js';
import { createSealer } from '../../src/platform/crypto/index.js';
import { openDatabase } from '../../src/platform/db/index.js';
import { createTestDatabase, databases, type TestDatabase } from '../support/database.js';
import { outcomeOf } from '../support/identity.js';

const sealer = createSealer(Buffer.alloc(32, 1));
const count = (outcomes: string[], outcome: string) => outcomes.filter((each) => each === outcome).length;

describe.each(databases)('a one-time token on %s', (provider) => {
  let database: TestDatabase;
  let tokens: OneTimeTokens;
  beforeAll(async () => {
    database = await createTestDatabase(provider);
    tokens = createOneTimeTokens({ db: database.db, sealer });
  });
  afterAll(() => database.drop());
  afterEach(() => vi.useRealTimers());

  const issue = (accountId = 'account', ttlSeconds = 60) =>
    tokens.issue({ kind: 'password_reset', accountId, payload: { secret: 'inside' }, ttlSeconds }).then(({ token }) => token);

  it('is used once, even by 50 requests at the same moment from two processes', async () => {
    const other = await openDatabase({ url: database.url });
    const second = createOneTimeTokens({ db: other, sealer });
    const token = await issue();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => outcomeOf((index % 2 ? tokens : second).consume('password_reset', token))),
    );
    await other.close();
    expect(count(outcomes, 'ok')).toBe(1);
    expect(count(outcomes, 'token.already_used')).toBe(49);
  });

  it('is used once by transactions at the same moment', async () => {
    const token = await issue();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () =>
        outcomeOf(
          database.db.client.$transaction((tx) => tokens.consume('password_reset', token, { tx }), { maxWait: 10_000, timeout: 10_000 }),
        ),
      ),
    );
    expect(count(outcomes, 'ok')).toBe(1);
    expect(count(outcomes, 'token.already_used')).toBe(9);
  });

  it('is 32 random bytes, known to the database by its hash only, its payload sealed', async () => {
    const token = await issue();
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    const stored = JSON.stringify(await database.db.client.oneTimeToken.findMany());
    expect(stored).not.toContain(token);
    expect(stored).not.toContain('inside');
    expect((await tokens.inspect('password_reset', token)).content?.payload).toEqual({ secret: 'inside' });
  });

  it('is not used up by looking, and its hash is no token', async () => {
    const token = await issue();
    await tokens.inspect('password_reset', token);
    expect((await tokens.inspect('password_reset', token)).state).toBe('ok');
    const [row] = await database.db.client.oneTimeToken.findMany({ orderBy: { createdAt: 'desc' }, take: 1 });
    expect(await outcomeOf(tokens.consume('password_reset', row?.idHash ?? ''))).toBe('token.unknown');
    expect(await outcomeOf(tokens.consume('password_reset', token))).toBe('ok');
  });

  it('of another kind, unknown, endless or with odd bytes is unknown', async () => {
    const token = await issue();
    expect(await outcomeOf(tokens.consume('email_verification', token))).toBe('token.unknown');
    for (const wrong of ['', 'x', 'x'.repeat(100_000), '\0', `${token} `, token.toUpperCase()]) {
      expect(await outcomeOf(tokens.consume('password_reset', wrong))).toBe('token.unknown');
      expect((await tokens.inspect('password_reset', wrong)).state).toBe('unknown');
    }
  });

  it('expires, and says so for a week', async () => {
    const purge = createPurge({ db: database.db });
    const token = await issue('account', 60);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    expect(await outcomeOf(tokens.consume('password_reset', token))).toBe('token.expired');
    expect((await tokens.inspect('password_reset', token)).state).toBe('expired');
    vi.setSystemTime(Date.now() + 6 * 86_400_000);
    await purge.run();
    expect((await tokens.inspect('password_reset', token)).state).toBe('expired');
    vi.setSystemTime(Date.now() + 2 * 86_400_000);
    await purge.run();
    expect((await tokens.inspect('password_reset', token)).state).toBe('unknown');
  });

  it('goes with all others of its owner, and only with those', async () => {
    const [first, second, foreign] = [await issue('owner'), await issue('owner'), await issue('other')];
    await tokens.consumeAll('password_reset', { accountId: 'owner' });
    expect((await tokens.inspect('password_reset', first)).state).toBe('used');
    expect((await tokens.inspect('password_reset', second)).state).toBe('used');
    expect((await tokens.inspect('password_reset', foreign)).state).toBe('ok');
  });

  it('that is a sign-in ticket signs in once, within five minutes', async () => {
    const tickets = createSignInTickets({ tokens });
    const ticket = await tickets.issue({ accountId: 'account-7', generation: 3 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => tickets.consume(ticket)));
    expect(answers.filter((answer) => answer?.accountId === 'account-7' && answer.generation === 3)).toHaveLength(1);
    expect(answers.filter((answer) => answer === null)).toHaveLength(49);
    const late = await tickets.issue({ accountId: 'account-7', generation: 3 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 300_000 });
    expect(await tickets.consume(late)).toBeNull();
    expect(await tickets.consume('nonsense')).toBeNull();
  });
});
