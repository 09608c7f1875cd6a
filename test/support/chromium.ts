import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** From the environment or, where Debian puts it. */
const executablePath = process.env.CHROMIUM_PATH || '/usr/bin/chromium';

const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
];

export const openChromium = (): Promise<Browser> => chromium.launch({ executablePath, args: FLAGS });

/** What a browser complains about while a test runs: script errors, console errors, and everything that the policy forbade. */
export type Complaints = { list: string[]; forget(pattern: RegExp): void };

/** A person's browser of its own, with a record of what it complained about. */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; page: Page; complaints: Complaints }> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(15_000);
  const list: string[] = [];
  const watch = (page: Page) => {
    page.on('console', (message) => {
      if (message.type() === 'error' || /Content Security Policy/i.test(message.text())) list.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => list.push(`${page.url()}: ${error.message}`));
  };
  context.on('page', watch);
  const page = await context.newPage();
  return {
    context,
    page,
    complaints: {
      list,
      forget(pattern) {
        for (let index = list.length - 1; index >= 0; index -= 1) if (pattern.test(list[index] ?? '')) list.splice(index, 1);
      },
    },
  };
}

/** Every rule of axe on the page as it stands: no violations. */
export async function expectAccessible(page: Page, label = page.url()): Promise<void> {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => {
    const { axe, document } = globalThis as unknown as {
      axe: { run(root: unknown, options: object): Promise<AxeResults> };
      document: unknown;
    };
    return axe.run(document, { resultTypes: ['violations'] });
  });
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' | ')}`);
  expect(found, `${label} ${await page.title()}`).toEqual([]);
}

/** How far the page is wider than its window, pixels: 0 unless something sticks out. */
export const overflowOf = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { documentElement } = (globalThis as unknown as { document: { documentElement: { scrollWidth: number; clientWidth: number } } })
      .document;
    return documentElement.scrollWidth - documentElement.clientWidth;
  });
