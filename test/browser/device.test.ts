import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askForCode, type BrowserServer, signInByHand, startBrowserServer } from '../support/browser-server.js';
import { expectAccessible, openChromium, openWindow, overflowOf } from '../support/chromium.js';
import { createPerson } from '../support/people.js';

let running: BrowserServer;
let browser: Browser;
beforeAll(async () => {
  [running, browser] = await Promise.all([startBrowserServer(), openChromium()]);
});
afterAll(async () => {
  await browser?.close();
  await running?.close();
});

const PHONE = { viewport: { width: 360, height: 740 } };

async function poll(deviceCode: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${running.server.url}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: deviceCode,
      client_id: 'television',
    }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('a person lets a television in from a phone', () => {
  test.each([
    ['with scripts', true],
    ['without scripts', false],
  ])('by typing the code, %s', async (_how, javaScriptEnabled) => {
    const person = await createPerson(running.server);
    const { page, complaints } = await openWindow(browser, { ...PHONE, javaScriptEnabled });
    const waiting = await askForCode(running.server.url);
    await page.goto(`${running.server.url}/device`);
    await page.getByLabel('Code').fill(waiting.user_code.toLowerCase());
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sign in to Example Television on a device?' }).waitFor();
    expect(await page.textContent('main')).toContain(waiting.user_code);
    expect(await page.textContent('main')).toContain('See your orders');
    await page.getByRole('button', { name: 'My device shows this code' }).click();
    await signInByHand(page, person);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Your device is signed in' }).waitFor();
    expect((await poll(waiting.device_code)).status).toBe(200);
    expect(complaints.list).toEqual([]);
  });

  test('by the address in the code it photographs: it is shown, and nothing is decided, before a button is pressed', async () => {
    const { page, complaints } = await openWindow(browser, PHONE);
    const waiting = await askForCode(running.server.url);
    await page.goto(waiting.verification_uri_complete);
    await page.getByRole('heading', { name: 'Sign in to Example Television on a device?' }).waitFor();
    expect(await overflowOf(page)).toBe(0);
    await expectAccessible(page);
    expect((await poll(waiting.device_code)).body).toMatchObject({ error: 'authorization_pending' });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('heading', { name: 'Nothing was signed in' }).waitFor();
    expect((await poll(waiting.device_code)).body).toMatchObject({ error: 'access_denied' });
    expect(complaints.list).toEqual([]);
  });
});
