/** Members that name endpoints, grants, and how clients authenticate there. */
import { jwtVerify } from 'jose';
import { expect } from 'vitest';
import { answer, askingClient, CIBA_GRANT, openQuestion } from '../asking.js';
import { signAssertion } from '../assertions.js';
import { Browserless } from '../browserless.js';
import { createCertificate } from '../certificates.js';
import { API } from '../declarations.js';
import { approve, DEVICE_CODE_GRANT } from '../devices.js';
import { ACCESS_TOKEN, EXCHANGE } from '../exchanging-services.js';
import { createPerson } from '../people.js';
import { type App, claimsIn, HOST, keyFor, type Metadata, type Proof, type Proofs, REDIRECT, type Setting } from './setting.js';

const service = { grant_types: ['client_credentials'], redirect_uris: [], scope: 'orders:read', first_party: false };
const viaProxy = ({ header }: { header: string }) => ({ 'x-ssl-client-cert': header, 'x-ssl-client-verify': 'SUCCESS' });
const bank = createCertificate({ names: [{ kind: 'dns', value: 'bank.example.com' }] });

const asService = async (
  setting: Setting,
  members: Metadata,
  fields = (_app: App): object => ({}),
  headers: Record<string, string> = {},
) => {
  const app = await setting.register({ ...service, ...members });
  const body = { grant_type: 'client_credentials', ...(await fields(app)) };
  return setting.post('token_endpoint', body, { ...app.headers, ...headers });
};

/** Each method gets a token by itself, and gets none when what it shows is taken away. */
const METHODS: Record<string, (setting: Setting) => Promise<unknown>> = {
  client_secret_basic: async (setting) =>
    expect((await asService(setting, { token_endpoint_auth_method: 'client_secret_basic' })).status).toBe(200),
  async client_secret_post(setting) {
    const app = await setting.register({ ...service, token_endpoint_auth_method: 'client_secret_post' });
    const [, secret = ''] = Buffer.from(String(app.headers.authorization).slice(6), 'base64').toString().split(':');
    const body = { grant_type: 'client_credentials', client_id: app.id };
    expect((await setting.post('token_endpoint', { ...body, client_secret: secret })).status).toBe(200);
    expect((await setting.post('token_endpoint', { ...body, client_secret: `${secret}x` })).status).toBe(401);
  },
  async private_key_jwt(setting) {
    const [key, other] = [await keyFor('ES256'), await keyFor('PS256')];
    const app = await setting.register({ ...service, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.publicJwk] } });
    const statusWith = async (signer: typeof key) =>
      (
        await setting.post('token_endpoint', {
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await signAssertion({ clientId: app.id, issuer: setting.server.url, key: signer }),
        })
      ).status;
    expect([await statusWith(key), await statusWith(other)]).toEqual([200, 401]);
  },
  async none(setting) {
    const app = await setting.register({ token_endpoint_auth_method: 'none' });
    expect((await setting.flow(app, {}, { client_id: app.id })).access_token).toBeTruthy();
  },
  async tls_client_auth(setting) {
    const members = { ...service, token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'bank.example.com' };
    const app = await setting.register(members);
    const body = { grant_type: 'client_credentials', client_id: app.id };
    const statuses = [viaProxy(bank), viaProxy(createCertificate()), {}].map(
      async (headers) => (await setting.post('token_endpoint', body, headers)).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 401, 401]);
  },
  async self_signed_tls_client_auth(setting) {
    const members = { ...service, token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [bank.jwk] } };
    const app = await setting.register(members);
    const body = { grant_type: 'client_credentials', client_id: app.id };
    const statuses = [viaProxy(bank), viaProxy(createCertificate()), {}].map(
      async (headers) => (await setting.post('token_endpoint', body, headers)).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 401, 401]);
  },
};

/** Each grant, from its beginning to a token. */
const GRANTS: Record<string, (setting: Setting) => Promise<{ status: number; text: string }>> = {
  async authorization_code(setting) {
    const app = await setting.register();
    return setting.redeem(app, (await setting.authorize(app)).told.get('code'));
  },
  async refresh_token(setting) {
    const app = await setting.register();
    const { refresh_token } = await setting.flow(app);
    return setting.post('token_endpoint', { grant_type: 'refresh_token', refresh_token: String(refresh_token) }, app.headers);
  },
  client_credentials: (setting) => asService(setting, {}),
  async [DEVICE_CODE_GRANT](setting) {
    const app = await setting.register({ grant_types: [DEVICE_CODE_GRANT], redirect_uris: [] });
    const { body } = await setting.post('device_authorization_endpoint', { scope: 'openid' }, app.headers);
    await approve(setting.server, setting.browser, String(body.user_code), setting.person);
    return setting.post('token_endpoint', { grant_type: DEVICE_CODE_GRANT, device_code: String(body.device_code) }, app.headers);
  },
  async [CIBA_GRANT](setting) {
    const { app, id } = await askSomebody(setting, {});
    return setting.post('token_endpoint', { grant_type: CIBA_GRANT, auth_req_id: id }, app.headers);
  },
  async [EXCHANGE](setting) {
    const tokens = await setting.flow(await setting.register(), { scope: 'openid orders:read', resource: API }, { resource: API });
    const token_exchange = { audiences: [API], subject_audiences: [API], impersonation: true };
    const app = await setting.register({ ...service, grant_types: ['client_credentials', EXCHANGE], token_exchange });
    const subject = { subject_token: String(tokens.access_token), subject_token_type: ACCESS_TOKEN, audience: API };
    return setting.post('token_endpoint', { grant_type: EXCHANGE, ...subject }, app.headers);
  },
};

/** An application asks somebody, who allows it. */
async function askSomebody(setting: Setting, members: Metadata, fields: Record<string, string> = {}) {
  const app = await setting.register({ ...askingClient, ...members });
  const person = await createPerson(setting.server);
  const { body, status, text } = await setting.post(
    'backchannel_authentication_endpoint',
    { scope: 'openid', login_hint: person.email, ...fields },
    app.headers,
  );
  expect(status, text).toBe(200);
  const { browser, page } = await openQuestion(setting.server, person);
  await answer(browser, page);
  return { app, id: String(body.auth_req_id) };
}

/** Signs somebody in at an application that wants to hear of sign-outs, and out again: the ID token, and what the application hears. */
async function signOut(setting: Setting) {
  const uri = `${HOST}/out-${Math.random()}`;
  const app = await setting.register({ backchannel_logout_uri: uri, backchannel_logout_session_required: true });
  const browser = new Browserless();
  const tokens = await setting.flow(app, {}, {}, browser);
  const page = await browser.open(setting.endpoint('end_session_endpoint'));
  await browser.submit(page, '/logout/confirm', { logout: 'yes' });
  await expect.poll(() => setting.told.some(({ url }) => url === uri), { timeout: 20_000 }).toBe(true);
  const body = setting.told.find(({ url }) => url === uri)?.body ?? '';
  const { payload } = await jwtVerify(String(new URLSearchParams(body).get('logout_token')), setting.keys, { audience: app.id });
  return { payload, idToken: claimsIn(tokens.id_token), browser };
}

const grantGives = (grant: string): Proof => ({
  async keeps(setting) {
    const { status, text } = await (GRANTS[grant] as NonNullable<(typeof GRANTS)[string]>)(setting);
    expect(status, text).toBe(200);
  },
});

export const endpointProofs: Proofs = {
  authorization_endpoint: grantGives('authorization_code'),
  token_endpoint: grantGives('authorization_code'),
  device_authorization_endpoint: grantGives(DEVICE_CODE_GRANT),
  backchannel_authentication_endpoint: grantGives(CIBA_GRANT),
  grant_types_supported: {
    async keeps(setting, grant) {
      const { status, text } = (await GRANTS[grant]?.(setting)) ?? { status: 0, text: 'no proof of this grant' };
      expect(status, text).toBe(200);
    },
    others: [
      ...['implicit', 'password', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'urn:ietf:params:oauth:grant-type:saml2-bearer'],
      ...[
        'urn:ietf:params:oauth:grant-type:pre-authorized_code',
        'urn:ietf:params:oauth:grant-type:uma-ticket',
        'urn:latchkey:grant-type:sign-in',
      ],
    ],
    async refuses(setting, grant_type) {
      const app = await setting.register();
      const asked = await setting.post('token_endpoint', { grant_type, username: 'everybody', password: 'x', assertion: 'x' }, app.headers);
      expect([asked.status, asked.body.error]).toEqual([400, 'unsupported_grant_type']);
      await setting.expectNoClientWith('grant_types', [grant_type]);
    },
  },
  token_endpoint_auth_methods_supported: {
    keeps: (setting, method) => METHODS[method]?.(setting) ?? Promise.reject(new Error('no proof of this method')),
    others: ['client_secret_jwt', 'attest_jwt_client_auth', 'spiffe_jwt', 'spiffe_x509'],
    refuses: (setting, method) => setting.expectNoClientWith('token_endpoint_auth_method', method),
  },
  tls_client_certificate_bound_access_tokens: {
    async keeps(setting) {
      const members = { tls_client_certificate_bound_access_tokens: true };
      const { body } = await asService(setting, members, () => ({ resource: API }), viaProxy(bank));
      expect(claimsIn(String(body.access_token)).cnf).toEqual({ 'x5t#S256': bank.thumbprint });
    },
  },
  userinfo_endpoint: {
    async keeps(setting, url) {
      const { access_token } = await setting.flow(await setting.register());
      const answered = await fetch(url, { headers: { authorization: `Bearer ${access_token}` } });
      expect(await answered.json()).toEqual({ sub: setting.person.account.id });
    },
  },
  jwks_uri: {
    async keeps(setting, url) {
      const { id_token } = await setting.flow(await setting.register());
      await jwtVerify(String(id_token), setting.keys);
      const { keys } = (await (await fetch(url)).json()) as { keys: Record<string, unknown>[] };
      for (const key of keys) for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(secret);
    },
  },
  introspection_endpoint: {
    async keeps(setting) {
      const app = await setting.register();
      const { access_token } = await setting.flow(app);
      expect((await setting.post('introspection_endpoint', { token: String(access_token) }, app.headers)).body.active).toBe(true);
    },
  },
  revocation_endpoint: {
    async keeps(setting) {
      const app = await setting.register();
      const { access_token } = await setting.flow(app);
      expect((await setting.post('revocation_endpoint', { token: String(access_token) }, app.headers)).status).toBe(200);
      expect((await setting.post('introspection_endpoint', { token: String(access_token) }, app.headers)).body).toEqual({ active: false });
    },
  },
  pushed_authorization_request_endpoint: {
    async keeps(setting) {
      const app = await setting.register({ require_pushed_authorization_requests: true });
      const { body } = await setting.post('pushed_authorization_request_endpoint', setting.requestOf(app), app.headers);
      const { told } = await setting.send({ client_id: app.id, request_uri: String(body.request_uri) });
      expect((await setting.redeem(app, told.get('code'))).status).toBe(200);
      expect((await setting.authorize(app)).told.has('code')).toBe(false);
    },
  },
  registration_endpoint: {
    async keeps(_setting, url) {
      const body = JSON.stringify({ redirect_uris: [REDIRECT], client_name: 'By itself' });
      const answered = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      expect([answered.status, await answered.json()]).toEqual([201, expect.objectContaining({ client_id: expect.any(String) })]);
    },
  },
  client_id_metadata_document_supported: {
    async keeps(setting) {
      const client_id = `${HOST}/documents/app.json`;
      const document = { client_id, client_name: 'Described Elsewhere', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' };
      setting.pages.set(client_id, document);
      const { page } = await setting.authorize({ id: client_id, headers: {}, redirectUri: REDIRECT });
      expect([page.status, page.body]).toEqual([200, expect.stringContaining('Described Elsewhere')]);
    },
  },
  end_session_endpoint: {
    async keeps(setting) {
      const { browser } = await signOut(setting);
      const again = await browser.open(`${setting.server.url}/account`);
      expect(again.body).toContain('name="password"');
    },
  },
  backchannel_logout_supported: {
    keeps: async (setting) => expect((await signOut(setting)).payload.sub).toBe(setting.person.account.id),
  },
  backchannel_logout_session_supported: {
    async keeps(setting) {
      const { payload, idToken } = await signOut(setting);
      expect([payload.sid, payload.sid]).toEqual([expect.any(String), idToken.sid]);
    },
  },
  backchannel_token_delivery_modes_supported: {
    async keeps(setting, mode) {
      const endpoint = `${HOST}/ping-${mode}`;
      const members = {
        backchannel_token_delivery_mode: mode,
        ...(mode === 'ping' ? { backchannel_client_notification_endpoint: endpoint } : {}),
      };
      const { app, id } = await askSomebody(setting, members, mode === 'ping' ? { client_notification_token: 'tell-me' } : {});
      if (mode === 'ping')
        await expect
          .poll(() => setting.told, { timeout: 20_000 })
          .toContainEqual({ url: endpoint, body: JSON.stringify({ auth_req_id: id }) });
      expect((await setting.post('token_endpoint', { grant_type: CIBA_GRANT, auth_req_id: id }, app.headers)).status).toBe(200);
    },
    others: ['push'],
    refuses: (setting, mode) =>
      setting.expectNoClientWith('backchannel_token_delivery_mode', mode, { ...askingClient, first_party: false }),
  },
};
