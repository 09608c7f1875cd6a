import { createHash, randomBytes } from 'node:crypto';
import type { Answer, Connection } from './http.js';
import { application, emailOf, JWT_API, OPAQUE_API, PASSWORD, PEOPLE, service } from './stage.js';

/** Which kind of server is asked: the way to sign in differs. */
export type Kind = 'ours' | 'yardstick';
export type Worker = { kind: Kind; index: number; connection: Connection };

/** What is measured: `prepare` is not, and gives what is done again and again. The promise rejects when an answer is not what it should be. */
export type Operation = {
  name: string;
  title: string;
  connections: number;
  prepare(worker: Worker): Promise<() => Promise<void>>;
  /** where there is nothing to compare with: argon2 alone is the yardstick */
  yardstickIsArgon2?: true;
};

const basic = ({ client_id, client_secret }: typeof application | typeof service) =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
const AS_APPLICATION = basic(application);
const AS_SERVICE = basic(service);
const FORM = 'application/x-www-form-urlencoded';

function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.body.slice(0, 300)}`);
  return answer;
}

async function askToken(
  { connection }: Worker,
  authorization: string,
  parameters: Record<string, string>,
): Promise<Record<string, string>> {
  const answer = await connection.request({
    method: 'POST',
    path: '/token',
    headers: { authorization, 'content-type': FORM },
    body: new URLSearchParams(parameters).toString(),
  });
  return JSON.parse(expectStatus(answer, 200).body) as Record<string, string>;
}

const redirectUri = String(application.redirect_uris[0]);

/** An authorization request: its path, and the verifier that redeems its code. */
function authorization(): { path: string; verifier: string } {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: application.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state: randomBytes(12).toString('base64url'),
    nonce: randomBytes(12).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  return { path: `/authorize?${query}`, verifier };
}

async function redeem(worker: Worker, answer: Answer, verifier: string): Promise<Record<string, string>> {
  const code = new URL(answer.headers.location ?? 'none:').searchParams.get('code');
  if (!code) throw new Error(`no code: ${answer.status} ${answer.headers.location}\n${answer.body.slice(0, 400)}`);
  const tokens = await askToken(worker, AS_APPLICATION, {
    ...{ grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier },
  });
  if (!tokens.access_token || !tokens.refresh_token || !tokens.id_token) throw new Error('a token is missing');
  return tokens;
}

/** Signs in with consent, as a person does, and redeems the code. */
async function signIn(worker: Worker): Promise<Record<string, string>> {
  const { connection, kind, index } = worker;
  const { path, verifier } = authorization();
  const page = await connection.open(path);
  if (page.headers.location) return redeem(worker, page, verifier);
  if (kind === 'yardstick') {
    const consent = await connection.submit(page, 'prompt', { login: emailOf(index), password: 'x' });
    return redeem(worker, await connection.submit(consent, 'prompt', {}), verifier);
  }
  const consent = await connection.submit(page, '/login', { identifier: emailOf(index), password: PASSWORD });
  const end = consent.headers.location ? consent : await connection.submit(consent, '/consent', { decision: 'allow' });
  return redeem(worker, end, verifier);
}

const document = (name: string, title: string, path: string): Operation => ({
  name,
  title,
  connections: 8,
  prepare: async ({ connection }) => {
    return async () => {
      const { body } = expectStatus(await connection.request({ path }), 200);
      if (!body.startsWith('{')) throw new Error('no document');
    };
  },
});

const clientCredentials = (name: string, title: string, resource: string): Operation => ({
  name,
  title,
  connections: 8,
  prepare: async (worker) => async () => {
    const parameters = { grant_type: 'client_credentials', resource, scope: 'orders:read' };
    const { access_token } = await askToken(worker, AS_SERVICE, parameters);
    if ((resource === JWT_API) !== (access_token?.split('.').length === 3)) throw new Error('a token of the other format');
  },
});

export const operations: readonly Operation[] = [
  document('discovery', 'Discovery', '/.well-known/openid-configuration'),
  document('jwks', 'JWKS', '/.well-known/jwks.json'),
  clientCredentials('client_credentials_jwt', 'Client credentials, JWT', JWT_API),
  clientCredentials('client_credentials_opaque', 'Client credentials, opaque', OPAQUE_API),
  {
    name: 'code_exchange',
    title: 'Sign-in and code: authorize, token',
    connections: 8,
    async prepare(worker) {
      await signIn(worker);
      return async () => {
        const { path, verifier } = authorization();
        await redeem(worker, await worker.connection.browse({ path }), verifier);
      };
    },
  },
  {
    name: 'refresh',
    title: 'Refresh with rotation',
    connections: 8,
    async prepare(worker) {
      let { refresh_token } = await signIn(worker);
      return async () => {
        const before = refresh_token;
        const answer = await askToken(worker, AS_APPLICATION, { grant_type: 'refresh_token', refresh_token: String(before) });
        refresh_token = answer.refresh_token;
        if (!refresh_token || refresh_token === before || !answer.access_token) throw new Error('the token was not exchanged');
      };
    },
  },
  {
    name: 'introspection',
    title: 'Introspection of an opaque token',
    connections: 8,
    async prepare(worker) {
      const { access_token } = await signIn(worker);
      return async () => {
        const answer = await worker.connection.request({
          ...{ method: 'POST', path: '/introspect', headers: { authorization: AS_APPLICATION, 'content-type': FORM } },
          body: new URLSearchParams({ token: String(access_token) }).toString(),
        });
        if (!expectStatus(answer, 200).body.includes('"active":true')) throw new Error('the token is not active');
      };
    },
  },
  {
    name: 'userinfo',
    title: 'Userinfo',
    connections: 8,
    async prepare(worker) {
      const { access_token } = await signIn(worker);
      return async () => {
        const headers = { authorization: `Bearer ${access_token}` };
        const { body } = expectStatus(await worker.connection.request({ path: '/userinfo', headers }), 200);
        if (!body.includes('"email"')) throw new Error('a claim is missing');
      };
    },
  },
  {
    name: 'login',
    title: 'Login with a password (yardstick: argon2 alone)',
    connections: 4,
    yardstickIsArgon2: true,
    async prepare({ kind, connection, index }) {
      if (kind === 'yardstick')
        return async () => void expectStatus(await connection.request({ method: 'POST', path: '/argon2/verify' }), 200);
      const devices = new Map<number, string>();
      let turn = index;
      return async () => {
        // Each person signs in from a device that is known, and not so often that their oldest sign-ins have to end.
        turn = (turn + 4) % PEOPLE;
        const device = devices.get(turn);
        const answer = await connection.request({
          method: 'POST',
          path: '/auth/login',
          headers: { 'content-type': 'application/json', ...(device ? { 'x-device-token': device } : {}) },
          body: JSON.stringify({ email: emailOf(turn), password: PASSWORD }),
        });
        expectStatus(answer, 200);
        const given = answer.headers['x-device-token'];
        if (typeof given === 'string') devices.set(turn, given);
      };
    },
  },
  {
    name: 'registration',
    title: 'Registration of an account (yardstick: argon2 alone)',
    connections: 4,
    yardstickIsArgon2: true,
    async prepare({ kind, connection }) {
      if (kind === 'yardstick')
        return async () => void expectStatus(await connection.request({ method: 'POST', path: '/argon2/hash' }), 200);
      return async () => {
        // From many places: the limit of one network is not what is measured.
        connection.address = `10.${randomBytes(3).join('.')}`;
        const name = randomBytes(9).toString('hex');
        // As a browser suggests one. A sentence takes longer to judge, and many of them would be refused as busy, which is not what is measured.
        const password = randomBytes(12).toString('base64url');
        const answer = await connection.request({
          method: 'POST',
          path: '/auth/register',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ email: `${name}@bench.example`, password, full_name: 'Ada Example' }),
        });
        expectStatus(answer, 201);
      };
    },
  },
];
