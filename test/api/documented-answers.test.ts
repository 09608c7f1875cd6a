/**
 * The OpenAPI document against the server: every answer it documents is produced here over HTTP, nothing else is, and each is checked by the
 * served document with another validator than the one that made it. A new endpoint brings its scenarios.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { authScenarios, type Scenarios, type World } from '../support/auth-scenarios.js';
import { callApi } from '../support/json-api.js';
import { type AnswerChecks, createAnswerChecks, documentedAnswers, findDocumentFaults, type OpenApi } from '../support/openapi-document.js';
import { startTestServer } from '../support/server.js';
import { userScenarios } from '../support/user-scenarios.js';

let world: World;
let document: OpenApi;
let checks: AnswerChecks;

beforeAll(async () => {
  const [server, closed] = await Promise.all([startTestServer(), startTestServer({ env: { REGISTRATION: 'off' } })]);
  world = { server, closed };
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenApi;
  checks = createAnswerChecks(document);
});
afterAll(() => Promise.all([world?.server.close(), world?.closed.close()]));

const scenarios: Scenarios = {
  ...authScenarios('/auth', () => world),
  ...authScenarios('/v2/auth', () => world),
  ...userScenarios(() => world),
  'GET /v2/health 200': () => callApi(world.server, 'GET', '/v2/health'),
  'GET /v2/health 503': () => {
    world.closed.app.health.stopServing();
    return callApi(world.closed, 'GET', '/v2/health');
  },
};

test('the document is valid OpenAPI 3.1', () => {
  expect(findDocumentFaults(document)).toEqual([]);
});

test('documents exactly the answers that are produced here', () => {
  expect(Object.keys(scenarios).sort()).toEqual(documentedAnswers(document).sort());
});

test('the checks find what does not fit', () => {
  const answer = (body: object, type = 'application/json') => ({
    status: 200,
    headers: new Headers({ 'content-type': type }),
    text: JSON.stringify(body),
  });
  const faults = (...given: Parameters<typeof answer>) => checks.faultsOf('POST /auth/logout 200', answer(...given)).length;
  expect(faults({ success: true })).toBe(0);
  expect(faults({ success: false })).toBeGreaterThan(0);
  expect(faults({ success: true, secret: 'x' })).toBeGreaterThan(0);
  expect(faults({ success: true }, 'text/html')).toBeGreaterThan(0);
  expect(checks.faultsOf('POST /auth/logout 401', answer({ success: true })).length).toBeGreaterThan(0);
  expect(checks.faultsOf('POST /auth/logout 418', { ...answer({}), status: 418 })).toEqual(['POST /auth/logout 418 is not documented']);
  expect(findDocumentFaults({ ...document, info: {}, paths: { '/a/{id}': {} } }).length).toBeGreaterThan(0);
});

test.each(Object.keys(scenarios))('%s', async (key) => {
  const answer = await scenarios[key]?.();
  expect(answer && checks.faultsOf(key, answer)).toEqual([]);
});
