import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { API, OPAQUE_API } from '../support/declarations.js';
import {
  ACCESS_TOKEN,
  EXCHANGE,
  type ExchangingServices,
  PACKERS,
  SERVICE_SECRET,
  serviceOf,
  startExchangingServices,
  WAREHOUSE,
} from '../support/exchanging-services.js';
import { obtainTokens, refusalOf } from '../support/relying-party.js';

const invalidRequest = { status: 400, error: 'invalid_request' };
const invalidTarget = { status: 400, error: 'invalid_target' };

describe('token exchange is refused', () => {
  let net: ExchangingServices;
  beforeAll(async () => {
    net = await startExchangingServices('sqlite');
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => net?.close());

  test('for a token that was meant for somebody else', async () => {
    const { tokens } = await net.signIn();
    // An opaque one of the shop: for userinfo, and so for none of the services.
    const { tokens: plain } = await obtainTokens(net.server, net.shop, net);
    expect(await refusalOf(net.exchange('orders', plain.access_token, await net.acting('orders')))).toEqual(invalidRequest);
    expect(await refusalOf(net.exchange('warehouse', tokens.access_token))).toEqual(invalidRequest);
  });

  test('for what is no access token: an ID token, a refresh token, a code, nonsense', async () => {
    const { tokens } = await net.signIn();
    const values = [tokens.id_token, tokens.refresh_token, 'x', 'a.b.c', '..', 'é'.repeat(2000)];
    for (const value of values) expect(await refusalOf(net.exchange('gateway', String(value))), String(value)).toEqual(invalidRequest);
    for (const type of ['id_token', 'refresh_token', 'jwt', 'saml2']) {
      const subject_token_type = `urn:ietf:params:oauth:token-type:${type}`;
      expect(await refusalOf(net.exchange('gateway', tokens.access_token, { subject_token_type })), type).toEqual(invalidRequest);
    }
  });

  test("for a client's own token as the subject, and somebody else's as the actor", async () => {
    const { token } = await net.signIn();
    expect(await refusalOf(net.exchange('gateway', await net.ownToken('gateway'), { audience: WAREHOUSE }))).toEqual(invalidRequest);
    expect(await refusalOf(net.exchange('orders', token, await net.acting('warehouse')))).toEqual(invalidRequest);
    expect(await refusalOf(net.exchange('orders', token, { actor_token: token, actor_token_type: ACCESS_TOKEN }))).toEqual(invalidRequest);
    expect(await refusalOf(net.exchange('orders', token, { actor_token: await net.ownToken('orders') }))).toEqual(invalidRequest);
  });

  test('for a token that expired or was revoked, and for an account that was disabled', async () => {
    const expired = await net.signIn();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
    expect(await refusalOf(net.exchange('gateway', expired.token))).toEqual(invalidRequest);
    vi.useRealTimers();
    const revoked = await net.signIn();
    await oidc.tokenRevocation(net.shop.config, revoked.token);
    expect(await refusalOf(net.exchange('gateway', revoked.token))).toEqual(invalidRequest);
    const disabled = await net.signIn({ another: true });
    await net.server.services.identity.accounts.disable(disabled.accountId);
    expect(await refusalOf(net.exchange('gateway', disabled.token))).toEqual(invalidRequest);
  });

  test('for audiences that the policy does not name, that are not known, that are several, or that have no JWTs', async () => {
    const { token } = await net.signIn();
    const targets = [PACKERS, 'https://nowhere.example.com', `${net.server.url}/api`, OPAQUE_API, '', 'x'];
    for (const audience of targets) expect(await refusalOf(net.exchange('gateway', token, { audience })), audience).toEqual(invalidTarget);
    expect(await refusalOf(net.exchange('gateway', token, { resource: PACKERS }))).toEqual(invalidTarget);
    expect(await net.exchange('gateway', token, { resource: WAREHOUSE })).toMatchObject({ scope: 'orders:read' });
  });

  test('for clients that no operator allowed it', async () => {
    const { token } = await net.signIn();
    const asShop = oidc.genericGrantRequest(net.shop.config, EXCHANGE, {
      subject_token: token,
      subject_token_type: ACCESS_TOKEN,
      audience: WAREHOUSE,
    });
    expect(await refusalOf(asShop)).toEqual(invalidRequest);
    const {
      client_id: _id,
      client_secret: _secret,
      ...metadata
    } = serviceOf('any', { audiences: [WAREHOUSE], subject_audiences: [API], impersonation: true });
    const { client, clientSecret = '' } = await net.server.services.clients.create(metadata, { source: 'registered' });
    const config = await oidc.discovery(new URL(net.server.url), client.id, undefined, oidc.ClientSecretBasic(String(clientSecret)), {
      execute: [oidc.allowInsecureRequests],
    });
    const asStranger = oidc.genericGrantRequest(config, EXCHANGE, {
      subject_token: token,
      subject_token_type: ACCESS_TOKEN,
      audience: WAREHOUSE,
    });
    expect(await refusalOf(asStranger)).toEqual({ status: 400, error: 'unauthorized_client' });
  });

  test('for a token that is bound to a key, without a proof of that key', async () => {
    const handle = oidc.getDPoPHandle(net.shop.config, await oidc.randomDPoPKeyPair());
    const { tokens } = await obtainTokens(net.server, net.shop, {
      browser: net.browser,
      person: net.person,
      parameters: { scope: 'openid orders:read', resource: API },
      tokenParameters: { resource: API },
      tokenOptions: { DPoP: handle },
    });
    expect(tokens.token_type).toBe('dpop');
    expect(await refusalOf(net.exchange('gateway', tokens.access_token))).toEqual(invalidRequest);
    const withProofOf = (DPoP: oidc.DPoPHandle) =>
      oidc.genericGrantRequest(
        net.configOf('gateway'),
        EXCHANGE,
        { subject_token: tokens.access_token, subject_token_type: ACCESS_TOKEN, audience: WAREHOUSE },
        { DPoP },
      );
    const another = oidc.getDPoPHandle(net.configOf('gateway'), await oidc.randomDPoPKeyPair());
    expect(await refusalOf(withProofOf(another))).toEqual(invalidRequest);
    // Whoever has the key may: what comes out is bound to it as well.
    const given = await withProofOf(handle);
    expect(decodeJwt(given.access_token).cnf).toEqual(decodeJwt(tokens.access_token).cnf);
  });

  test('for what is missing, sent twice, or asked for in another form', async () => {
    const { token } = await net.signIn();
    const request = async (body: URLSearchParams) => {
      const authorization = `Basic ${Buffer.from(`gateway:${SERVICE_SECRET}`).toString('base64')}`;
      const response = await fetch(`${net.server.url}/token`, { method: 'POST', headers: { authorization }, body });
      return { status: response.status, error: ((await response.json()) as { error: string }).error };
    };
    const right = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN, audience: WAREHOUSE };
    for (const missing of ['subject_token', 'subject_token_type']) {
      const body = new URLSearchParams(right);
      body.delete(missing);
      expect(await request(body), missing).toEqual(invalidRequest);
      body.append(missing, 'x');
      body.append(missing, 'y');
      expect(await request(body), missing).toEqual(invalidRequest);
    }
    const several = new URLSearchParams(right);
    several.append('audience', API);
    expect(await request(several)).toEqual(invalidTarget);
    const other = new URLSearchParams({ ...right, requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' });
    expect(await request(other)).toEqual(invalidRequest);
    const none = new URLSearchParams(right);
    none.delete('audience');
    expect(await request(none)).toEqual(invalidTarget);
  });
});
