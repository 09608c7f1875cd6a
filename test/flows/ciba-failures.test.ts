import { errors } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Asker, answer, createAsker, openQuestion } from '../support/asking.js';
import { createPerson } from '../support/people.js';
import { startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('a person who answers an application (CIBA)', () => {
  let server: TestServer;
  let bank: Asker;
  beforeAll(async () => {
    server = await startDeclaredServer();
    bank = await createAsker(server);
  });
  afterAll(() => server?.close());

  test('is not told that a question was called off when it is the server that failed: the question stays, and is answered later', async () => {
    const person = await createPerson(server);
    const { auth_req_id: id } = await bank.ask({ login_hint: person.email });
    const { browser, page } = await openQuestion(server, person);
    const failing = vi.spyOn(server.services.requests, 'restingOn').mockRejectedValueOnce(new TypeError('a fault of ours'));
    expect((await answer(browser, page)).status).toBe(500);
    failing.mockRejectedValueOnce(new errors.TemporarilyUnavailable('try again'));
    const busy = await answer(browser, page);
    expect(titleOf(busy)).not.toContain('called off');
    for (const ended of [new errors.InvalidGrant('revoked'), new errors.SessionNotFound('signed out')]) {
      failing.mockRejectedValueOnce(ended);
      const told = await answer(browser, page);
      expect([told.status, titleOf(told)]).toEqual([400, expect.stringContaining('This request was called off')]);
    }
    failing.mockRestore();
    expect(await bank.poll(id)).toMatchObject({ error: 'authorization_pending' });
    expect(titleOf(await answer(browser, page))).toContain('You allowed it');
  });
});
