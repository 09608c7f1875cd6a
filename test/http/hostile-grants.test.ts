import { afterAll, beforeAll, expect, test } from 'vitest';
import { CIBA_GRANT, createAsker } from '../support/asking.js';
import { clients } from '../support/declarations.js';
import {
  ACCESS_TOKEN,
  EXCHANGE,
  type ExchangingServices,
  SERVICE_SECRET,
  startExchangingServices,
  WAREHOUSE,
} from '../support/exchanging-services.js';

let net: ExchangingServices;
beforeAll(async () => {
  net = await startExchangingServices('sqlite');
});
afterAll(() => net?.close());

const VALUES = [
  '\0',
  '%00',
  '{}',
  '[',
  '__proto__',
  'é\u202e',
  'a.b.c',
  'e30.e30.e30',
  ' ',
  'https://[::1',
  'x'.repeat(20_000),
  '-1',
  '<script>',
];

const post = (path: string, body: URLSearchParams, headers: Record<string, string> = {}) =>
  fetch(net.server.url + path, { method: 'POST', body, headers: { accept: 'application/json', ...headers } });

/** Each parameter of a right request with each hostile value, instead of the right one and beside it. */
async function expectRefusals(path: string, right: Record<string, string>, names: readonly string[], headers?: Record<string, string>) {
  for (const name of names) {
    for (const value of VALUES) {
      const instead = new URLSearchParams({ ...right, [name]: value });
      const beside = new URLSearchParams(right);
      beside.append(name, value);
      for (const body of [instead, beside]) {
        const response = await post(path, body, headers);
        const text = await response.text();
        const label = `${name}=${value.slice(0, 20)} ${response.status} ${text.slice(0, 200)}`;
        expect(response.status, label).toBeLessThan(500);
        expect(() => JSON.parse(text), label).not.toThrow();
      }
    }
  }
}

test('a token exchange with any hostile value is answered below 500, in JSON', async () => {
  const { token } = await net.signIn();
  const right = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN, audience: WAREHOUSE };
  const authorization = `Basic ${Buffer.from(`gateway:${SERVICE_SECRET}`).toString('base64')}`;
  const names = [
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'audience',
    'resource',
    'scope',
    'requested_token_type',
  ];
  await expectRefusals('/token', right, names, { authorization });
  expect((await post('/token', new URLSearchParams(right), { authorization })).status).toBe(200);
});

test('a device authorization request with any hostile value is answered below 500, in JSON', async () => {
  const right = { client_id: clients.television.client_id, scope: 'openid profile' };
  await expectRefusals('/device/auth', right, [
    'client_id',
    'scope',
    'resource',
    'claims',
    'max_age',
    'acr_values',
    'id_token_hint',
    'request',
    'nonce',
  ]);
  expect((await post('/device/auth', new URLSearchParams(right))).status).toBe(200);
});

test('a question with any hostile device code is answered below 500, in JSON', async () => {
  const right = { client_id: clients.television.client_id, grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'x' };
  await expectRefusals('/token', right, ['device_code', 'resource', 'client_id']);
});

test('a request to ask somebody, and a question for its answer, with any hostile value are answered below 500, in JSON', async () => {
  const { clientId, secret } = await createAsker(net.server);
  const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
  // Past the limit everything would be refused for being too much.
  await net.server.services.db.client.limitCounter.deleteMany({});
  const right = { scope: 'openid', login_hint: 'nobody@example.com' };
  const names = ['login_hint', 'id_token_hint', 'binding_message', 'requested_expiry', 'request', 'resource', 'scope'];
  for (const name of names) {
    await expectRefusals('/backchannel', right, [name], { authorization });
    await net.server.services.db.client.limitCounter.deleteMany({});
  }
  await expectRefusals('/token', { grant_type: CIBA_GRANT, auth_req_id: 'x' }, ['auth_req_id', 'resource'], { authorization });
  expect((await post('/backchannel', new URLSearchParams(right), { authorization })).status).toBe(200);
});
