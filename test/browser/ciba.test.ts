import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Asker, createAsker, questionsTo } from '../support/asking.js';
import { type BrowserServer, signInByHand, startBrowserServer } from '../support/browser-server.js';
import { expectAccessible, openChromium, openWindow, overflowOf } from '../support/chromium.js';
import { createPerson } from '../support/people.js';

let running: BrowserServer;
let browser: Browser;
let bank: Asker;
beforeAll(async () => {
  [running, browser] = await Promise.all([startBrowserServer(), openChromium()]);
  bank = await createAsker(running.server);
});
afterAll(async () => {
  await browser?.close();
  await running?.close();
});

const LONG_NAME = 'Wilhelmina-Bartholomea von und zu Oberschwappach-Unterpleichfeld the Younger';
const ask = async (email: string) => {
  const { auth_req_id: id } = await bank.ask({
    login_hint: email,
    binding_message: 'Order 4711: 12.50 €',
    scope: 'openid profile email offline_access orders:read',
    resource: 'https://api.example.com',
  });
  const [link = ''] = await questionsTo(running.server, email);
  return { id, link };
};

describe('a person answers an application on another device', () => {
  test.each<[string, BrowserContextOptions]>([
    ['a phone, in the dark, with scripts', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
    ['a desk, without scripts', { viewport: { width: 1280, height: 800 }, javaScriptEnabled: false }],
  ])('on %s: signs in, sees who asks and what for, and allows it', async (_where, options) => {
    const { account, ...person } = await createPerson(running.server);
    await running.server.services.identity.accounts.updateProfile(account.id, { fullName: LONG_NAME });
    const { page, complaints } = await openWindow(browser, options);
    const { id, link } = await ask(person.email);
    await page.goto(link);
    await signInByHand(page, person);
    await page.getByRole('heading', { name: 'May Example Bank sign you in?' }).waitFor();
    const text = await page.textContent('main');
    for (const part of ['Order 4711: 12.50 €', 'See your orders', LONG_NAME, 'Did you just ask for this?']) expect(text).toContain(part);
    expect(await overflowOf(page)).toBe(0);
    if (options.javaScriptEnabled !== false) await expectAccessible(page);
    expect(await bank.poll(id)).toMatchObject({ error: 'authorization_pending' });
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'You allowed it' }).waitFor();
    expect(await overflowOf(page)).toBe(0);
    // Loaded again, or opened from the mail once more, it says the same and sends nothing.
    await page.reload();
    await page.getByRole('heading', { name: 'You allowed it' }).waitFor();
    await page.goto(link);
    await page.getByRole('heading', { name: 'You allowed it' }).waitFor();
    expect((await bank.poll(id)).status).toBe(200);
    expect(complaints.list).toEqual([]);
  });

  test('by keyboard: refuses it; with another account: is told so and signs in with the right one', async () => {
    const [person, other] = [await createPerson(running.server), await createPerson(running.server)];
    const { page, complaints } = await openWindow(browser, { viewport: { width: 360, height: 740 } });
    await page.goto(`${running.server.url}/account`);
    await signInByHand(page, other);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const { id, link } = await ask(person.email);
    await page.goto(link);
    await page.getByRole('heading', { name: 'This request is for another account' }).waitFor();
    expect(await page.textContent('main')).not.toContain(person.email);
    expect(await overflowOf(page)).toBe(0);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Sign in with another account' }).click();
    await signInByHand(page, person);
    await page.getByRole('heading', { name: 'May Example Bank sign you in?' }).waitFor();
    await page.getByRole('button', { name: 'Refuse' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You refused it' }).waitFor();
    await expectAccessible(page);
    expect(await bank.poll(id)).toMatchObject({ error: 'access_denied' });
    complaints.forget(/status of 403/);
    expect(complaints.list).toEqual([]);
  });
});
