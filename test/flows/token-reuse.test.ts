import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { createRelyingParty, obtainTokens, type RelyingParty, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

const refused = { error: 'invalid_grant', status: 400 };

describe.each(databases)('a server on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  let spa: RelyingParty;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider, env: { NOTIFY_TOKEN_REUSE: 'on', REFRESH_REUSE_WINDOW_SECONDS: '20' } });
    [shop, spa] = await Promise.all([createRelyingParty(server, 'shop'), createRelyingParty(server, 'spa')]);
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => server?.close());

  const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
  const refresh = (party: RelyingParty, token: string | undefined) => oidc.refreshTokenGrant(party.config, token ?? '');
  const active = async (token: string | undefined) => (await oidc.tokenIntrospection(shop.config, token ?? '')).active;
  const events = (subjectId: string) =>
    server.services.db.client.auditEvent.findMany({ where: { subjectId, type: 'refresh_token.reused' } });
  const mailsTo = async (address: string) => {
    await server.services.mailer.flush();
    return ((await server.services.mailer.mailbox?.list()) ?? []).filter(
      ({ to, subject }) => to === address && subject.includes('signed out'),
    );
  };

  it('answers 50 parallel refreshes of an application and of a public client with one successor each', async () => {
    for (const party of [shop, spa]) {
      const { tokens } = await obtainTokens(server, party);
      const answers = await Promise.all(times(50, () => refresh(party, tokens.refresh_token)));
      expect(new Set(answers.map(({ refresh_token }) => refresh_token)).size).toBe(1);
      expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(50);
      expect((await refresh(party, answers[0]?.refresh_token)).refresh_token).toEqual(expect.any(String));
    }
  });

  it('takes a use after the window for theft: the grant ends, it is audited, and the owner is told once', async () => {
    const { tokens, accountId, email } = await obtainTokens(server, shop);
    const second = await refresh(shop, tokens.refresh_token);
    later(19);
    expect((await refresh(shop, tokens.refresh_token)).refresh_token).toBe(second.refresh_token);
    expect(await active(second.access_token)).toBe(true);
    later(2);
    const refusals = await Promise.all(times(5, () => refusalOf(refresh(shop, tokens.refresh_token))));
    expect(refusals).toEqual(times(5, () => refused));
    expect(await active(second.access_token)).toBe(false);
    expect(await active(second.refresh_token)).toBe(false);
    expect(await refusalOf(refresh(shop, second.refresh_token))).toEqual(refused);
    await expect.poll(() => events(accountId)).not.toEqual([]);
    const [event] = await events(accountId);
    expect(event).toMatchObject({ clientId: 'shop', outcome: 'failure', ip: expect.any(String) });
    expect(JSON.parse(event?.detail ?? '{}')).toEqual({ grant_id: expect.any(String), seconds_since_use: 21 });
    await expect.poll(async () => (await mailsTo(email)).length).toBe(1);
    const [mail] = await mailsTo(email);
    expect(mail?.text).toContain('Example Shop');
    expect(mail?.text).toContain(`${server.url}/account/sessions`);
  });

  it('tells nobody of a retry, and nothing is audited', async () => {
    const { tokens, accountId, email } = await obtainTokens(server, shop);
    for (const _attempt of times(3, Number)) await refresh(shop, tokens.refresh_token);
    expect(await events(accountId)).toEqual([]);
    expect(await mailsTo(email)).toEqual([]);
  });

  it('ends a session-bound token with its browser session, also inside the window', async () => {
    const { tokens, accountId } = await obtainTokens(server, shop);
    await refresh(shop, tokens.refresh_token);
    await server.services.sessions.endAll(accountId);
    expect(await refusalOf(refresh(shop, tokens.refresh_token))).toEqual(refused);
  });
});
