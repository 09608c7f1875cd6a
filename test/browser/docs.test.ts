import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium, openWindow } from '../support/chromium.js';
import { startTestServer, type TestServer } from '../support/server.js';

let server: TestServer;
let browser: Browser;
beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), openChromium()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

test('the description of the API can be browsed and tried out, and nothing is asked of any other host', async () => {
  const { page, context, complaints } = await openWindow(browser, { colorScheme: 'dark' });
  const hosts = new Set<string>();
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) hosts.add(new URL(request.url()).origin);
  });
  await page.goto(`${server.url}/docs`);
  await page.getByText('/auth/status', { exact: true }).first().click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await page.getByText('"authenticated": false').first().waitFor();
  const background = () =>
    page.evaluate(() => {
      const { document, getComputedStyle } = globalThis as unknown as {
        document: { documentElement: object };
        getComputedStyle(element: object): { backgroundColor: string };
      };
      return getComputedStyle(document.documentElement).backgroundColor;
    });
  const dark = await background();
  await page.emulateMedia({ colorScheme: 'light' });
  // The page hears of it in its own time.
  await expect.poll(background).not.toBe(dark);
  expect([...hosts]).toEqual([server.url]);
  expect(complaints.list).toEqual([]);
  await context.close();
});
