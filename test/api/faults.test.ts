import { afterAll, beforeAll, expect, test } from 'vitest';
import { callApi } from '../support/json-api.js';
import { startTestServer, type TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.close());

test.each([
  [{}, { email: 'is missing', password: 'is missing' }],
  [
    { email: 7, password: ['x'] },
    { email: 'must be a text', password: 'must be a text' },
  ],
  [{ email: 'a@example.com', password: null }, { password: 'must be a text' }],
])('%j is told member by member, in words', async (body, faults) => {
  const { status, body: problem } = await callApi(server, 'POST', '/auth/register', { body });
  expect(status).toBe(422);
  const told = Object.fromEntries((problem.errors as { path: string; message: string }[]).map(({ path, message }) => [path, message]));
  expect(told).toEqual(faults);
});
