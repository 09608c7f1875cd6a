import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { databases } from '../support/database.js';
import { API } from '../support/declarations.js';
import {
  ACCESS_TOKEN,
  EXCHANGE,
  type ExchangingServices,
  PACKERS,
  serviceOf,
  startExchangingServices,
  WAREHOUSE,
} from '../support/exchanging-services.js';
import { refusalOf } from '../support/relying-party.js';

const invalidRequest = { status: 400, error: 'invalid_request' };

describe.each(databases)('token exchange (RFC 8693) on %s', (provider) => {
  let net: ExchangingServices;
  beforeAll(async () => {
    net = await startExchangingServices(provider);
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => net?.close());

  test('a service gets a token for another service, in which it stands as the actor for the person', async () => {
    const { token, accountId } = await net.signIn();
    const given = await net.exchange('orders', token, await net.acting('orders'));
    expect(given).toMatchObject({ issued_token_type: ACCESS_TOKEN, token_type: 'bearer', scope: 'orders:read' });
    expect(given.refresh_token).toBeUndefined();
    const claims = decodeJwt(given.access_token);
    expect(claims).toMatchObject({
      sub: accountId,
      aud: WAREHOUSE,
      client_id: 'orders',
      scope: 'orders:read',
      act: { sub: 'orders', client_id: 'orders' },
    });
    // When and how the person signed in stays the same through exchanges (RFC 9068, section 2.2.1).
    const { acr, amr, auth_time } = decodeJwt(token);
    expect(claims).toMatchObject({ acr, amr, auth_time });
    expect(auth_time).toEqual(expect.any(Number));
    const as = net.configOf('orders').serverMetadata() as oauth.AuthorizationServer;
    const request = new Request(`${WAREHOUSE}/stock`, { headers: { authorization: `Bearer ${given.access_token}` } });
    expect(await oauth.validateJwtAccessToken(as, request, WAREHOUSE, { [oauth.allowInsecureRequests]: true })).toMatchObject({
      sub: accountId,
    });
    expect(await net.introspect('warehouse', given.access_token)).toMatchObject({ active: true, act: { sub: 'orders' }, sub: accountId });
    expect(await net.introspect('warehouse', given.access_token)).not.toHaveProperty('grant_client_id');
  });

  test('a chain of services stands in the token, the latest actor outermost', async () => {
    const { token } = await net.signIn();
    const first = await net.exchange('orders', token, await net.acting('orders'));
    const second = await net.exchange('warehouse', first.access_token, { ...(await net.acting('warehouse')), audience: PACKERS });
    expect(decodeJwt(second.access_token).act).toEqual({
      sub: 'warehouse',
      client_id: 'warehouse',
      act: { sub: 'orders', client_id: 'orders' },
    });
    // Who impersonates adds nobody to the chain, and takes nobody away.
    const third = await net.exchange('warehouse', first.access_token, { audience: PACKERS });
    expect(decodeJwt(third.access_token).act).toEqual({ sub: 'orders', client_id: 'orders' });
  });

  test('a chain ends at four', async () => {
    let { token } = await net.signIn();
    token = (await net.exchange('orders', token, await net.acting('orders'))).access_token;
    for (let length = 2; length <= 4; length += 1)
      token = (await net.exchange('warehouse', token, { ...(await net.acting('warehouse')), audience: WAREHOUSE })).access_token;
    const longer = net.exchange('warehouse', token, { ...(await net.acting('warehouse')), audience: WAREHOUSE });
    expect(await refusalOf(longer)).toEqual(invalidRequest);
  });

  test('impersonation and delegation are each for those whom the policy allows them', async () => {
    const { token, accountId } = await net.signIn();
    const given = await net.exchange('gateway', token);
    expect(decodeJwt(given.access_token)).toMatchObject({ sub: accountId, client_id: 'gateway' });
    expect(decodeJwt(given.access_token)).not.toHaveProperty('act');
    expect(await refusalOf(net.exchange('orders', token))).toEqual({ status: 400, error: 'unauthorized_client' });
    expect(await refusalOf(net.exchange('gateway', token, await net.acting('gateway')))).toEqual({
      status: 400,
      error: 'unauthorized_client',
    });
  });

  test('what comes out is never more than what went in: scopes, and time', async () => {
    const { token } = await net.signIn({ scope: 'openid orders:write' });
    expect(await refusalOf(net.exchange('gateway', token))).toEqual({ status: 400, error: 'invalid_scope' });
    const { token: reading } = await net.signIn({ scope: 'openid orders:read' });
    for (const scope of ['orders:write', 'orders:read orders:write', 'openid', 'stock:read', 'x y'])
      expect(await refusalOf(net.exchange('gateway', reading, { scope })), scope).toEqual({ status: 400, error: 'invalid_scope' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 500_000 });
    const given = await net.exchange('gateway', reading, { scope: 'orders:read' });
    const [was, is] = [decodeJwt(reading), decodeJwt(given.access_token)];
    expect(is.exp).toBe(was.exp);
    expect(given.expires_in).toBeLessThanOrEqual(100);
  });

  test('everything ends with the sign-in it came from, at once, along the whole chain', async () => {
    const { token, accountId } = await net.signIn();
    const first = await net.exchange('orders', token, await net.acting('orders'));
    const second = await net.exchange('warehouse', first.access_token, { audience: PACKERS });
    await net.server.services.grants.revokeByAccountAndClient(accountId, 'shop');
    for (const { access_token: dead } of [first, second]) expect(await net.introspect('warehouse', dead)).toEqual({ active: false });
    const again = net.exchange('warehouse', first.access_token, { audience: PACKERS });
    expect(await refusalOf(again)).toEqual(invalidRequest);
  });

  test('revoking what was given ends that token alone, not the sign-in of the person', async () => {
    const { token } = await net.signIn();
    const given = await net.exchange('gateway', token);
    await oidc.tokenRevocation(net.configOf('gateway'), given.access_token);
    expect(await net.introspect('warehouse', given.access_token)).toEqual({ active: false });
    expect(await net.introspect('warehouse', token)).toMatchObject({ active: true });
  });

  test('a service that is gone leaves no token behind', async () => {
    const { client, clientSecret } = await net.server.services.clients.create(
      { ...serviceOf('passing', { audiences: [WAREHOUSE], subject_audiences: [API], impersonation: true }) },
      { source: 'operator' },
    );
    const passing = await net.discover(client.id, clientSecret);
    const { token } = await net.signIn();
    const given = await oidc.genericGrantRequest(passing, EXCHANGE, {
      subject_token: token,
      subject_token_type: ACCESS_TOKEN,
      audience: WAREHOUSE,
    });
    expect(await net.introspect('warehouse', given.access_token)).toMatchObject({ active: true });
    await net.server.services.clients.delete(client.id);
    expect(await net.introspect('warehouse', given.access_token)).toEqual({ active: false });
  });

  test('each exchange is audited: who, for whom, at whose application, for what', async () => {
    const { token, accountId } = await net.signIn();
    await net.exchange('orders', token, await net.acting('orders'));
    const [event] = await net.server.services.db.client.auditEvent.findMany({ where: { type: 'token.exchanged', subjectId: accountId } });
    expect(event).toMatchObject({ actorId: 'orders', clientId: 'orders', outcome: 'success' });
    expect(JSON.parse(String(event?.detail))).toMatchObject({ audience: WAREHOUSE, from_client: 'shop', delegation: true, actors: 1 });
  });
});
