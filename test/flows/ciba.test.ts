/** OpenID Connect Client-Initiated Backchannel Authentication 1.0: an application asks, a person answers elsewhere. What is refused: ciba-refusals.test.ts; pings: ciba-ping.test.ts. */
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Asker, answer, createAsker, openQuestion, questionsTo } from '../support/asking.js';
import { Browserless } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { API } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe.each(databases)('an application that asks a person (CIBA) on %s', (provider) => {
  let server: TestServer;
  let bank: Asker;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    bank = await createAsker(server);
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => server?.close());

  const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
  const userinfo = async (token: unknown) =>
    (await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status;
  /** A question that has reached its person, who has opened it. */
  const asked = async (parameters: Record<string, string> = {}) => {
    const person = await createPerson(server);
    const waiting = await bank.ask({ login_hint: person.email, ...parameters });
    return { person, id: waiting.auth_req_id, waiting, ...(await openQuestion(server, person)) };
  };
  const allowed = async () => {
    const question = await asked();
    await answer(question.browser, question.page);
    return question;
  };

  test('waits, is answered by the person who was mailed, and then has tokens for that person', async () => {
    const { person, id, waiting, browser, page, link } = await asked({ binding_message: 'Order 4711: 12.50 €' });
    expect(waiting).toMatchObject({ expires_in: 600, interval: 5 });
    expect(await bank.poll(id)).toMatchObject({ status: 400, error: 'authorization_pending' });
    expect(titleOf(page)).toContain('May Example Bank sign you in?');
    expect(page.body).toContain('Order 4711: 12.50 €');
    expect(page.body).toContain(person.email);
    expect(link).not.toContain(id);
    const mail = (await server.services.mailer.mailbox?.list())?.find(({ to }) => to === person.email)?.text ?? '';
    for (const part of ['Example Bank', 'Order 4711: 12.50 €', String(new Date(Date.now() + 600_000).getUTCFullYear())])
      expect(mail).toContain(part);
    expect(titleOf(await answer(browser, page))).toContain('You allowed it');
    const tokens = await bank.collect(id);
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'openid profile' });
    const claims = JSON.parse(Buffer.from(String(String(tokens.id_token).split('.')[1]), 'base64url').toString());
    expect(claims).toMatchObject({ sub: person.account.id, aud: bank.clientId, amr: ['pwd'] });
    expect(await userinfo(tokens.access_token)).toBe(200);
  });

  test('is spoken by openid-client, which gets a JWT for the API that was asked for, and refreshes it', async () => {
    const person = await createPerson(server);
    const config = await oidc.discovery(new URL(server.url), bank.clientId, undefined, oidc.ClientSecretBasic(bank.secret), {
      execute: [oidc.allowInsecureRequests],
    });
    const waiting = await oidc.initiateBackchannelAuthentication(config, {
      scope: 'openid offline_access orders:read',
      resource: API,
      login_hint: person.email,
    });
    const { browser, page } = await openQuestion(server, person);
    expect(page.body).toContain('See your orders');
    await answer(browser, page);
    const tokens = await oidc.pollBackchannelAuthenticationGrant(config, { ...waiting, interval: 0.01 }, { resource: API });
    expect(tokens.scope).toBe('orders:read');
    expect(tokens.claims()?.sub).toBe(person.account.id);
    const refreshed = await oidc.refreshTokenGrant(config, String(tokens.refresh_token), { resource: API });
    expect(refreshed.scope).toBe('orders:read');
  });

  test('means people by username, or by an ID token it has of them', async () => {
    const person = await createPerson(server, { username: `casey${provider}` });
    const { auth_req_id: first } = await bank.ask({ login_hint: `Casey${provider}` });
    const { browser, page } = await openQuestion(server, person);
    await answer(browser, page);
    const { id_token: hint } = await bank.collect(first);
    const { auth_req_id: second } = await bank.ask({ id_token_hint: String(hint) });
    expect(await questionsTo(server, person.email)).toHaveLength(2);
    const again = await openQuestion(server, person, { browser });
    await answer(browser, again.page);
    expect((await bank.collect(second)).access_token).toBeDefined();
  });

  test('of 20 answers at the same moment one is stored, and the others are told so or say the same', async () => {
    const { person, id, browser, page } = await asked();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => answer(browser, page, index % 2 ? 'allow' : 'refuse')));
    const titles = new Set(answers.map(titleOf).map((title) => title.split(' - ')[0]?.split(' | ')[0]));
    const events = await server.services.db.client.auditEvent.findMany({
      where: { subjectId: person.account.id, type: { in: ['ciba.approved', 'ciba.refused'] } },
    });
    expect(events).toHaveLength(1);
    const polled = await bank.poll(id);
    expect(polled.status).toBe(events[0]?.type === 'ciba.approved' ? 200 : 400);
    if (polled.status === 400) {
      expect(polled.error).toBe('access_denied');
      expect(
        await server.services.db.client.grant.count({ where: { accountId: person.account.id, clientId: bank.clientId, revokedAt: null } }),
      ).toBe(0);
    }
    // Either said what is stored, or was told that something else is.
    expect([...titles].every((title) => /You allowed it|You refused it|answered already/.test(String(title)))).toBe(true);
    expect(answers.every(({ status }) => status === 200 || status === 400)).toBe(true);
  });

  test('of 20 polls at the same moment one has tokens; the others end what was given', async () => {
    const { id } = await allowed();
    const answers = await Promise.all(Array.from({ length: 20 }, () => bank.poll(id)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ error }) => error))).toEqual(new Set(['invalid_grant']));
    expect(await userinfo(won[0]?.body.access_token)).toBe(401);
  });

  test('is told access_denied when the person refuses, and the question is over', async () => {
    const { id, browser, page, link } = await asked();
    expect(titleOf(await answer(browser, page, 'refuse'))).toContain('You refused it');
    expect(await bank.poll(id)).toMatchObject({ status: 400, error: 'access_denied' });
    expect(await bank.poll(id)).toMatchObject({ status: 400, error: 'invalid_grant' });
    const again = await browser.open(link);
    expect([again.status, titleOf(again)]).toEqual([200, expect.stringContaining('You refused it')]);
    const other = await answer(browser, page, 'allow');
    expect([other.status, titleOf(other)]).toEqual([400, expect.stringContaining('answered already')]);
    expect(titleOf(await answer(browser, page, 'refuse'))).toContain('You refused it');
  });

  test('that asks too often is told to slow down, and is answered at once when somebody has decided', async () => {
    const { id, browser, page } = await asked();
    expect([(await bank.poll(id)).error, (await bank.poll(id)).error]).toEqual(['authorization_pending', 'slow_down']);
    later(5);
    expect((await bank.poll(id)).error).toBe('authorization_pending');
    await answer(browser, page);
    expect((await bank.poll(id)).status).toBe(200);
  });

  test('whose question ran out is told so, and so is its person; it may ask for less time, not for more', async () => {
    const { id, browser, page, waiting } = await asked({ requested_expiry: '60' });
    expect(waiting.expires_in).toBe(60);
    expect((await bank.ask({ login_hint: 'a@example.com', requested_expiry: '86400' })).expires_in).toBe(600);
    expect((await bank.ask({ login_hint: 'a@example.com', requested_expiry: '1' })).expires_in).toBe(30);
    for (const wrong of ['0', '-5', 'soon', '1.5'])
      expect(await bank.refused({ login_hint: 'a@example.com', requested_expiry: wrong })).toMatchObject({ error: 'invalid_request' });
    later(61);
    expect(await bank.poll(id)).toMatchObject({ status: 400, error: 'expired_token' });
    const late = await answer(browser, page);
    expect([late.status, titleOf(late)]).toEqual([400, expect.stringContaining('This request has ended')]);
  });

  test('opening the link decides nothing, whoever opens it', async () => {
    const { id, link } = await asked();
    const scanner = await new Browserless().request(link);
    expect(scanner.status).toBe(303);
    await new Browserless().request(link, { method: 'HEAD' });
    expect(await bank.poll(id)).toMatchObject({ error: 'authorization_pending' });
  });

  test('somebody else who is signed in is told so and no more, and the person can sign in instead', async () => {
    const { person, id, link } = await asked({ binding_message: 'Order 4711' });
    const stranger = await createPerson(server);
    const { browser, page } = await openQuestion(server, stranger, { link });
    expect([page.status, titleOf(page)]).toEqual([403, expect.stringContaining('for another account')]);
    for (const secret of [person.email, 'Example Bank', 'Order 4711']) expect(page.body).not.toContain(secret);
    const token = String(new URL(link).searchParams.get('token'));
    const form = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const forced = await browser.post(`${server.url}/approve`, { csrf: form, token, decision: 'allow' });
    expect([forced.status, forced.body]).toEqual([400, expect.stringContaining('for another account')]);
    expect(await bank.poll(id)).toMatchObject({ error: 'authorization_pending' });
    const login = await browser.submit(page, '/approve/sign-in');
    const forward = await browser.submit(login, '/login', { identifier: person.email, password: person.password });
    const question = await browser.submit(forward, '/logout/confirm');
    expect(question.body).toContain('Order 4711');
    await answer(browser, question);
    expect((await bank.poll(id)).status).toBe(200);
  });

  test('a form that another site sends changes nothing', async () => {
    const { id, browser, link } = await asked();
    const token = String(new URL(link).searchParams.get('token'));
    for (const csrf of ['', 'x'.repeat(43)])
      expect((await browser.post(`${server.url}/approve`, { csrf, token, decision: 'allow' })).status).toBe(403);
    expect(await bank.poll(id)).toMatchObject({ error: 'authorization_pending' });
  });

  test('who has an account is not told: unknown, disabled and unconfirmed people are asked for like all others, and nobody is mailed', async () => {
    const [disabled, known] = [await createPerson(server), await createPerson(server)];
    await server.services.identity.accounts.disable(disabled.account.id);
    const unconfirmed = await server.services.identity.accounts.create({ email: `unconfirmed-${provider}@example.com` });
    const hints = [known.email, disabled.email, unconfirmed.email, 'nobody@example.com', 'nobody'];
    const answers = await Promise.all(hints.map((hint) => bank.ask({ login_hint: hint })));
    const shapes = answers.map(({ auth_req_id, ...rest }) => ({ ...rest, length: auth_req_id.length }));
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1);
    const polled = await Promise.all(answers.map(({ auth_req_id }) => bank.poll(auth_req_id)));
    expect(new Set(polled.map(({ error, status }) => `${status} ${error}`))).toEqual(new Set(['400 authorization_pending']));
    expect(await questionsTo(server, known.email)).toHaveLength(1);
    for (const hint of hints.slice(1)) expect(await questionsTo(server, hint)).toHaveLength(0);
    const reasons = await server.services.db.client.auditEvent.findMany({
      where: { type: 'ciba.requested', outcome: 'failure', clientId: bank.clientId, detail: { contains: 'unknown' } },
    });
    expect(reasons.length).toBeGreaterThanOrEqual(2);
    later(601);
    const after = await Promise.all(answers.map(({ auth_req_id }) => bank.poll(auth_req_id)));
    expect(new Set(after.map(({ error }) => error))).toEqual(new Set(['expired_token']));
  });

  describe('keeps from being a flood', () => {
    test('one application asks for one person five times in ten minutes, there or not, and is told when again', async () => {
      const person = await createPerson(server);
      for (const hint of [person.email, `ghost-${provider}@example.com`]) {
        const asker = await createAsker(server);
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, () => asker.ask({ login_hint: hint }).catch((error: { status: number; error: string }) => error)),
        );
        const refused = outcomes.filter((outcome): outcome is { status: number; error: string } => 'error' in outcome);
        expect(refused.map(({ status, error }) => [status, error])).toEqual(Array(3).fill([429, 'slow_down']));
        const told = await asker.refused({ login_hint: ` ${hint.toUpperCase()} ` });
        expect(told).toMatchObject({ status: 429, error: 'slow_down' });
        expect(Number(told.retryAfter)).toBeGreaterThan(0);
      }
      expect(await questionsTo(server, person.email)).toHaveLength(5);
    });

    test('an account is mailed ten questions an hour, whoever asks; past that applications notice nothing', async () => {
      const person = await createPerson(server);
      const askers = await Promise.all([createAsker(server), createAsker(server), createAsker(server)]);
      for (const asker of askers)
        for (let round = 0; round < 4; round += 1) expect((await asker.ask({ login_hint: person.email })).interval).toBe(5);
      expect(await questionsTo(server, person.email)).toHaveLength(10);
    });
  });

  describe('is ended with everything of its person', () => {
    test.each([
      ['signing out everywhere', (accountId: string) => server.services.sessions.endAll(accountId)],
      ['a disabled account', (accountId: string) => server.services.identity.accounts.disable(accountId)],
      ['withdrawn consent', (accountId: string) => server.services.grants.revokeByAccountAndClient(accountId, bank.clientId)],
    ])('%s: before the answer, before it is collected, and after', async (_what, end) => {
      const open = await asked();
      await end(open.person.account.id);
      expect(await bank.poll(open.id)).toMatchObject({ status: 400, error: 'invalid_grant' });
      expect(titleOf(await answer(open.browser, open.page))).not.toContain('You allowed it');
      expect(await bank.poll(open.id)).toMatchObject({ status: 400, error: 'invalid_grant' });

      const answered = await allowed();
      await end(answered.person.account.id);
      expect(await bank.poll(answered.id)).toMatchObject({ status: 400, error: 'invalid_grant' });

      const collected = await allowed();
      const tokens = await bank.collect(collected.id);
      await end(collected.person.account.id);
      expect(await userinfo(tokens.access_token)).toBe(401);
    });

    test('each question has a grant of its own: ending one ends neither another nor the browser', async () => {
      const first = await allowed();
      const one = await bank.collect(first.id);
      const { auth_req_id: id } = await bank.ask({ login_hint: first.person.email });
      const { page } = await openQuestion(server, first.person, { browser: first.browser });
      await answer(first.browser, page);
      const two = await bank.collect(id);
      await fetch(`${server.url}/revoke`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${bank.clientId}:${bank.secret}`).toString('base64')}` },
        body: new URLSearchParams({ token: String(one.refresh_token) }),
      });
      expect([await userinfo(one.access_token), await userinfo(two.access_token)]).toEqual([401, 200]);
      const [session] = await server.services.sessions.list(first.person.account.id);
      expect(await server.services.sessions.end(String(session?.uid), { accountId: first.person.account.id })).toBe(true);
      expect(await userinfo(two.access_token)).toBe(200);
    });

    test('a person who signed out meanwhile is not taken for signed in', async () => {
      const { person, id, browser, page } = await asked();
      const [session] = await server.services.sessions.list(person.account.id);
      await server.services.sessions.end(String(session?.uid), { accountId: person.account.id });
      expect((await answer(browser, page)).body).toContain('name="password"');
      expect(await bank.poll(id)).toMatchObject({ error: 'authorization_pending' });
    });
  });

  test('an application that asks for a newer sign-in gets one: max_age sends the person to sign in again', async () => {
    const person = await createPerson(server);
    await bank.ask({ login_hint: person.email });
    const { browser } = await openQuestion(server, person);
    later(100);
    const { auth_req_id: id } = await bank.ask({ login_hint: person.email, max_age: '60' });
    const [link] = await questionsTo(server, person.email);
    const login = await browser.open(String(link));
    expect(login.body).toContain('name="password"');
    const question = await browser.submit(login, '/login', { identifier: person.email, password: person.password });
    await answer(browser, question);
    const { id_token: idToken } = await bank.collect(id);
    const { auth_time: authTime } = JSON.parse(Buffer.from(String(String(idToken).split('.')[1]), 'base64url').toString());
    expect(authTime).toBeGreaterThanOrEqual(Math.floor(Date.now() / 1000) - 5);
  });
});
