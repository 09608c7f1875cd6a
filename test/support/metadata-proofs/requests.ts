/** Members that say what may be asked at the authorization endpoint, and what comes back from there. */
import { jwtVerify } from 'jose';
import { expect } from 'vitest';
import { API } from '../declarations.js';
import { consent } from '../people.js';
import { BANK, claimsIn, HOST, type Proofs, type Setting } from './setting.js';

/** Of OpenID Connect Core and IANA's registry, and some that must never be there. */
const OTHER_CLAIMS = [
  ...['address', 'birthdate', 'gender', 'locale', 'middle_name', 'nickname', 'phone_number', 'phone_number_verified', 'picture'],
  ...['profile', 'website', 'zoneinfo', 'verified_claims', 'groups', 'entitlements', 'password_hash'],
];
const SCOPES = 'openid profile email roles permissions';

/** An error, and nothing that could be used. */
async function expectRefusal(setting: Setting, parameters: Record<string, string>, error: RegExp) {
  const { page, told } = await setting.authorize(await setting.register(), parameters);
  for (const name of ['code', 'access_token', 'id_token', 'response'])
    expect(told.has(name), `${name} for ${JSON.stringify(parameters)}`).toBe(false);
  if (told.has('error')) expect(told.get('error')).toMatch(error);
  else expect([400, error.test(page.body)], page.body.slice(0, 500)).toEqual([page.status, true]);
}

const askedClaims = new WeakMap<Setting, Promise<Record<string, unknown>>>();

/** All that is told of a person when every claim there is, advertised or not, is asked for. */
function claimsOf(setting: Setting): Promise<Record<string, unknown>> {
  const asked = askedClaims.get(setting) ?? askForClaims(setting, [...(setting.metadata.claims_supported as string[]), ...OTHER_CLAIMS]);
  askedClaims.set(setting, asked);
  return asked;
}

async function askForClaims(setting: Setting, names: readonly string[]) {
  const app = await setting.register({ backchannel_logout_uri: `${HOST}/out`, backchannel_logout_session_required: true });
  const asked = Object.fromEntries(names.map((name) => [name, null]));
  const claims = JSON.stringify({ id_token: asked, userinfo: asked });
  const tokens = await setting.flow(app, { scope: SCOPES, claims });
  const userinfo = await fetch(setting.endpoint('userinfo_endpoint'), { headers: { authorization: `Bearer ${tokens.access_token}` } });
  return { ...((await userinfo.json()) as object), ...claimsIn(tokens.id_token) };
}

export const requestProofs: Proofs = {
  response_types_supported: {
    keeps: async (setting, response_type) =>
      expect((await setting.authorize(await setting.register(), { response_type })).told.get('code')).toBeTruthy(),
    others: ['token', 'id_token', 'none', 'code token', 'code id_token', 'id_token token', 'code id_token token'],
    refuses: (setting, response_type) => expectRefusal(setting, { response_type }, /unsupported_response_type/),
  },
  response_modes_supported: {
    async keeps(setting, response_mode) {
      const { page, told, location } = await setting.authorize(await setting.register(), { response_mode });
      const [where, jwt] = response_mode === 'jwt' ? ['query', true] : [response_mode.split('.')[0], response_mode.endsWith('.jwt')];
      const name = jwt ? 'response' : 'code';
      if (where === 'form_post') return expect(page.body).toMatch(new RegExp(`name="${name}"`));
      expect([Boolean(location?.hash), Boolean(location?.search)]).toEqual([where === 'fragment', where === 'query']);
      expect(told.get(name)).toBeTruthy();
    },
    others: ['web_message', 'web_message.jwt', 'cookie', 'post'],
    refuses: (setting, response_mode) => expectRefusal(setting, { response_mode }, /unsupported_response_mode|invalid_request/),
  },
  authorization_response_iss_parameter_supported: {
    keeps: async (setting) => expect((await setting.authorize(await setting.register())).told.get('iss')).toBe(setting.metadata.issuer),
  },
  scopes_supported: {
    async keeps(setting, scope) {
      const tokens = await setting.flow(await setting.register(), { scope: `openid ${scope}` });
      expect(String(tokens.scope).split(' ')).toContain(scope);
    },
    others: ['address', 'phone', 'groups', 'admin', 'device_sso', 'client_create'],
    async refuses(setting, scope) {
      const tokens = await setting.flow(await setting.register(), { scope: `openid ${scope}` });
      expect(String(tokens.scope).split(' ')).not.toContain(scope);
    },
  },
  claims_supported: {
    keeps: async (setting, claim) => expect(await claimsOf(setting)).toHaveProperty([claim]),
    others: OTHER_CLAIMS,
    refuses: async (setting, claim) => expect(await claimsOf(setting)).not.toHaveProperty([claim]),
  },
  claim_types_supported: {
    async keeps(setting, type) {
      expect(type).toBe('normal');
      expect(await claimsOf(setting)).toHaveProperty('email', setting.person.email);
    },
    others: ['aggregated', 'distributed'],
    refuses: async (setting) => expect(await claimsOf(setting)).not.toHaveProperty('_claim_names'),
  },
  claims_parameter_supported: {
    async keeps(setting) {
      const claims = JSON.stringify({ id_token: { email: { essential: true } } });
      expect(claimsIn((await setting.flow(await setting.register(), { claims })).id_token).email).toBe(setting.person.email);
    },
  },
  acr_values_supported: {
    async keeps(setting, acr_values) {
      const tokens = await setting.flow(
        await setting.register(),
        { acr_values, scope: 'openid orders:read', resource: API },
        { resource: API },
      );
      expect([claimsIn(tokens.id_token).acr, claimsIn(tokens.access_token).acr]).toEqual([acr_values, acr_values]);
    },
    others: ['urn:latchkey:acr:password', '0', '1', 'phr', 'phrh', 'urn:mace:incommon:iap:silver', 'urn:latchkey:acr:mfa'],
    async refuses(setting, acr) {
      const claims = JSON.stringify({ id_token: { acr: { essential: true, value: acr } } });
      await expectRefusal(setting, { claims }, /unmet_authentication_requirements/);
      await expectRefusal(setting, { acr_values: acr, scope: 'openid orders:read', resource: API }, /unmet_authentication_requirements/);
    },
  },
  authorization_details_types_supported: {
    async keeps(setting, type) {
      const app = await setting.register({ authorization_details_types: [type] });
      const authorization_details = JSON.stringify([{ type, amount: 12 }]);
      const { page } = await setting.authorize(app, { scope: 'openid accounts', resource: BANK, authorization_details });
      const allowed = await consent(setting.browser, page);
      const code = new URL(String(allowed.headers.get('location'))).searchParams.get('code');
      expect((await setting.redeem(app, code, { resource: BANK })).body.authorization_details).toEqual([{ type, amount: 12 }]);
    },
    others: ['transfer', 'account_information', 'openid_credential'],
    async refuses(setting, type) {
      const authorization_details = JSON.stringify([{ type, amount: 12 }]);
      await expectRefusal(setting, { scope: 'openid accounts', resource: BANK, authorization_details }, /invalid_authorization_details/);
      await setting.expectNoClientWith('authorization_details_types', [type], {}, 'left out');
    },
  },
  code_challenge_methods_supported: {
    async keeps(setting, code_challenge_method) {
      const app = await setting.register();
      const { told } = await setting.authorize(app, { code_challenge_method });
      expect((await setting.redeem(app, told.get('code'), { code_verifier: 'a'.repeat(43) })).body.error).toBe('invalid_grant');
      expect((await setting.flow(app, { code_challenge_method })).access_token).toBeTruthy();
    },
    others: ['plain', 'S512', 'none'],
    refuses: (setting, code_challenge_method) => expectRefusal(setting, { code_challenge_method }, /invalid_request/),
  },
  subject_types_supported: {
    async keeps(setting, subject_type) {
      const { sub } = claimsIn((await setting.flow(await setting.register({ subject_type }))).id_token);
      expect(sub === setting.person.account.id).toBe(subject_type === 'public');
    },
    others: ['ephemeral', 'transient'],
    refuses: (setting, value) => setting.expectNoClientWith('subject_type', value),
  },
  request_uri_parameter_supported: {
    async keeps(setting, value) {
      expect(value).toBe('false');
      await expectRefusal(setting, { request_uri: `${HOST}/request.jwt` }, /request_uri/);
    },
  },
  issuer: {
    async keeps(setting, issuer) {
      const tokens = await setting.flow(await setting.register());
      expect((await jwtVerify(String(tokens.id_token), setting.keys)).payload.iss).toBe(issuer);
    },
  },
};
