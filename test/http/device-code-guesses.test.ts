import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless, formsOf } from '../support/browserless.js';
import { createDevice } from '../support/devices.js';
import { startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('guessing device codes', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer({ env: { LIMIT_WRONG_DEVICE_CODES_PER_MINUTE: '4' } });
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => server?.close());

  test('is limited for a network, however many guesses come at the same moment; right codes cost nothing', async () => {
    // One minute, however long this takes.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const device = await createDevice(server);
    const browser = new Browserless();
    for (let round = 0; round < 6; round += 1) {
      const { userCode } = await device.ask();
      const page = await browser.submit(await browser.open(`${server.url}/device`), '/device', { user_code: userCode });
      expect(page.status).toBe(200);
    }
    const forms = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const stranger = new Browserless();
        return { stranger, page: await stranger.open(`${server.url}/device`) };
      }),
    );
    const answers = await Promise.all(forms.map(({ stranger, page }) => stranger.submit(page, '/device', { user_code: 'BCDF-GHJK' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([400, 400, 400, 400, 429, 429, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect(titleOf(refused as (typeof answers)[number])).toContain('Too many wrong codes');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test.each(['/device/', '//device', '/DEVICE', '/device/%2e', '/device/.', '/device;x'])(
    'has no other address that is not counted: %s',
    async (path) => {
      const browser = new Browserless();
      const page = await browser.open(`${server.url}/device`);
      const [form] = formsOf(page);
      const answer = await browser.post(server.url + path, { ...form?.fields, user_code: 'BCDF-GHJK' });
      expect(answer.body).not.toContain('No device is waiting with this code');
      expect(answer.status).toBeLessThan(500);
    },
  );

  test('is limited for a browser, whatever network it comes from', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 });
    const browser = new Browserless();
    const statuses: number[] = [];
    for (let guess = 0; guess < 11; guess += 1) {
      // The network's minute passes, the browser's ten do not.
      if (guess % 3 === 0) vi.setSystemTime(Date.now() + 61_000);
      const page = await browser.submit(await browser.open(`${server.url}/device`), '/device', { user_code: 'BCDF-GHJK' });
      statuses.push(page.status);
    }
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(400));
    expect(statuses[10]).toBe(429);
  });
});
