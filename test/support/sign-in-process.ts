/** One whole sign-in as a process of its own, so that it trusts the authority that NODE_EXTRA_CA_CERTS names. Writes what it got as JSON. */
import * as oidc from 'openid-client';
import { Browserless } from './browserless.js';

const { ISSUER = '', CLIENT_ID = '', CLIENT_SECRET = '', REDIRECT_URI = '', EMAIL = '', PASSWORD = '' } = process.env;

const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET);
const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
const expectedState = oidc.randomState();
const url = oidc.buildAuthorizationUrl(config, {
  redirect_uri: REDIRECT_URI,
  scope: 'openid email',
  state: expectedState,
  code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
});
const browser = new Browserless();
let page = await browser.open(url.href);
page = await browser.submit(page, '/login', { identifier: EMAIL, password: PASSWORD });
if (page.body.includes('name="decision"')) page = await browser.submit(page, '/consent', { decision: 'allow' });
const answer = new URL(page.headers.get('location') ?? '', page.url);
const tokens = await oidc.authorizationCodeGrant(config, answer, { pkceCodeVerifier, expectedState, idTokenExpected: true });
const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '');
const user = await oidc.fetchUserInfo(config, renewed.access_token, String(tokens.claims()?.sub));
console.log(JSON.stringify({ iss: tokens.claims()?.iss, email: user.email, cookies: browser.received.map((line) => line.split('=')[0]) }));
