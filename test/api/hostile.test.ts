/** Whatever is sent to the JSON API is answered below 500, in the one form of a failure. */
import fc from 'fast-check';
import inject, { type InjectOptions } from 'light-my-request';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiPerson } from '../support/json-api.js';
import { type AnswerChecks, createAnswerChecks, type OpenApi, operationsOf } from '../support/openapi-document.js';
import { startTestServer, type TestServer } from '../support/server.js';

type Operation = ReturnType<typeof operationsOf>[number] & { requestBody?: { content: Record<string, { schema: Schema }> } };
type Schema = { properties?: Record<string, object>; anyOf?: Schema[] };

let server: TestServer;
let operations: Operation[];
let checks: AnswerChecks;
let person: Awaited<ReturnType<typeof createApiPerson>>;
/** good until something that was sent has ended it */
let token: string;

beforeAll(async () => {
  server = await startTestServer();
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenApi;
  operations = operationsOf(document) as Operation[];
  checks = createAnswerChecks(document);
  person = await createApiPerson(server);
  token = person.token;
});
afterAll(() => server?.close());

async function send({ method, path }: Pick<Operation, 'method' | 'path'>, options: Omit<InjectOptions, 'method' | 'url'>) {
  const { headers, ...rest } = options;
  const response = await inject((request, reply) => void server.app.handle(request, reply), {
    method: method as 'POST',
    url: path,
    headers: { host: new URL(server.url).host, ...headers },
    ...rest,
  });
  return {
    status: response.statusCode,
    headers: new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
    text: response.body,
  };
}

/** A sign-in may have been ended by what was sent with it. */
async function renewToken({ status }: { status: number }): Promise<void> {
  if (status >= 300 && status !== 401) return;
  const { id: accountId } = person.account;
  const account = await server.services.identity.accounts.find(accountId);
  token = (await server.app.firstParty.signIn({ accountId, generation: account?.signInGeneration ?? 0, amr: ['pwd'] })).accessToken;
}

/** What is wrong with an answer to a request that nobody in their right mind sends. */
function faultsOf(operation: Operation, answer: Awaited<ReturnType<typeof send>>): string[] {
  const at = `${operation.method} ${operation.path}`;
  const busy = answer.status === 503 && answer.headers.has('retry-after');
  const faults = answer.status >= 500 && !busy ? [`${at} was answered ${answer.status}: ${answer.text}`] : [];
  return answer.status < 400 || answer.text === '' ? faults : [...faults, ...checks.faultsOf(`${at} default`, answer)];
}

/** Of the administration of accounts hostile-users.test.ts sees to what lies behind its permissions. */
const withBody = () => operations.filter(({ path, requestBody }) => requestBody && !path.startsWith('/api/'));
const membersOf = ({ requestBody }: Operation): string[] => {
  const schema = requestBody?.content['application/json']?.schema;
  return Object.keys(schema?.properties ?? schema?.anyOf?.find(({ properties }) => properties)?.properties ?? {});
};
const exampleFor = (members: string[], value: string) => JSON.stringify(Object.fromEntries(members.map((name) => [name, value])));
const pathWith = (path: string, id: string) => path.replace(/\{\w+\}/g, id);

describe('every body', () => {
  const hostile: [what: string, make: (members: string[]) => string | Buffer, type?: string][] = [
    ['nothing', () => ''],
    ['no JSON', () => '{"a":'],
    ['null', () => 'null'],
    ['an array', () => '[]'],
    ['a text', () => '"text"'],
    ['a number', () => '1e999'],
    ['numbers for texts', (members) => JSON.stringify(Object.fromEntries(members.map((name) => [name, 1])))],
    ['objects for texts', (members) => JSON.stringify(Object.fromEntries(members.map((name) => [name, { $ne: null }])))],
    ['members twice', (members) => `{"${members[0]}":"a","${members[0]}":"b"}`],
    ['a NUL', (members) => exampleFor(members, 'a\0b')],
    ['half a character', (members) => exampleFor(members, '\ud800')],
    ['bytes that are not UTF-8', () => Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['the name of a prototype', () => '{"__proto__":{"role":"admin"}}'],
    ['deep nesting', () => `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`],
    ['thousands of members', () => `{${Array.from({ length: 3000 }, (_, index) => `"m${index}":1`).join()}}`],
    ['more than 64 KiB', (members) => exampleFor(members, 'x'.repeat(70_000))],
    ['a form', (members) => `${members[0]}=x`, 'application/x-www-form-urlencoded'],
    ['text', (members) => exampleFor(members, 'x'), 'text/plain'],
    ['multipart', () => '--x--', 'multipart/form-data; boundary=x'],
  ];
  test.each(hostile)('that is %s is a 4xx and a problem, at every endpoint', async (_, make, type = 'application/json') => {
    // What reads a body is the same for both styles, so two of the second stand for it here; random JSON is sent to all.
    for (const operation of withBody().filter(({ path }) => !path.startsWith('/v2/') || /(register|logout)$/.test(path))) {
      const { method, path } = operation;
      const members = membersOf(operation);
      expect(members.length, path).toBeGreaterThan(0);
      const headers = { 'content-type': type, authorization: `Bearer ${token}` };
      const answer = await send({ method, path: pathWith(path, 'x') }, { payload: make(members), headers });
      await renewToken(answer);
      const mayDoWithout = make(members) === '' && /\/logout$/.test(path);
      expect([path, mayDoWithout || (answer.status >= 400 && answer.status < 500)], answer.text).toEqual([path, true]);
      expect(faultsOf(operation, answer)).toEqual([]);
    }
  });

  test('of random JSON is answered below 500, a failure always as a problem', async () => {
    const odd = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.emailAddress(),
      fc.constantFrom('', ' ', 'a@b', 'null', '../..', '%00', "' OR 1=1 --", 'x'.repeat(300), '\u202eevil', 'true', '9'.repeat(40)),
      fc.jsonValue({ maxDepth: 3 }),
    );
    for (const operation of withBody()) {
      const members = Object.fromEntries(membersOf(operation).map((name) => [name, odd]));
      const bodies = fc.oneof(
        { weight: 4, arbitrary: fc.record(members, { requiredKeys: [] }).map((body) => JSON.stringify(body)) },
        { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
      );
      const property = fc.asyncProperty(bodies, async (payload) => {
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
        const answer = await send({ method: operation.method, path: pathWith(operation.path, 'x') }, { payload, headers });
        expect(faultsOf(operation, answer)).toEqual([]);
        await renewToken(answer);
      });
      await fc.assert(property, { seed: 20261121, numRuns: 12 });
    }
  });
});

describe('every path', () => {
  test('answers HEAD below 500, and what it does not answer to with 405', async () => {
    for (const operation of operations) {
      const path = pathWith(operation.path, 'x');
      expect((await send({ method: 'HEAD', path }, {})).status, path).toBeLessThan(500);
      const known = operations.filter((other) => other.path === operation.path).map(({ method }) => method);
      const method = ['PUT', 'PATCH', 'DELETE'].find((each) => !known.includes(each)) ?? '';
      const refused = await send({ method, path }, { payload: '{}', headers: { 'content-type': 'application/json' } });
      expect([path, method, refused.status, refused.headers.has('allow')]).toEqual([path, method, 405, true]);
    }
  });

  test.each([
    ['Bearer', { authorization: 'Bearer' }],
    ['a token of 10,000 characters', { authorization: `Bearer ${'a'.repeat(10_000)}` }],
    ['a token without a signature', { authorization: `Bearer ${btoa('{"alg":"none"}')}.${btoa('{"sub":"x"}')}.` }],
    ['characters of no token', { authorization: 'Bearer \u00e9\u00ff<script>' }],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['a key of 10,000 characters', { 'x-api-key': 'k'.repeat(10_000) }],
    ['a key that is no key', { 'x-api-key': "' OR 1=1" }],
    ['a token and a key', { authorization: 'Bearer x', 'x-api-key': 'x' }],
    ['a token in the query only', {}],
  ])('that needs a caller refuses %s', async (_, headers) => {
    for (const operation of operations.filter(({ security }) => security.length > 0)) {
      const path = `${pathWith(operation.path, 'x')}?access_token=${person.token}&api_key=x`;
      const answer = await send({ method: operation.method, path }, { headers: headers as unknown as Record<string, string> });
      if (operation.operationId.startsWith('getStatus')) expect(answer.text.includes('"authenticated":true')).toBe(false);
      else expect([400, 401, 403], path).toContain(answer.status);
      expect(faultsOf(operation, answer)).toEqual([]);
    }
  });

  test('with a parameter takes anything in its place', async () => {
    const ids = ['%00', '%ff', '%E0%A4%A', '..%2f..', '%F0%9F%98%80', 'x'.repeat(500), "'%20OR%201=1", '%ed%a0%80', '__proto__', '-1', ' '];
    for (const operation of operations.filter(({ path }) => path.includes('{'))) {
      const headers = { authorization: `Bearer ${token}` };
      for (const id of ids) {
        const answer = await send({ method: operation.method, path: pathWith(operation.path, id) }, { headers });
        expect([id, answer.status >= 400 && answer.status < 500]).toEqual([id, true]);
        expect(faultsOf(operation, answer)).toEqual([]);
      }
    }
  });
});
