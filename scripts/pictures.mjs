// npm run pictures: makes the README's pictures from the running product, so that they stay true. Needs a Chromium.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { root } from './prisma.mjs';

const port = 3970;
const demoPort = 3971;
const executablePath = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find((file) => file && existsSync(file));
if (!executablePath) throw new Error('No Chromium found: install one, or set CHROMIUM_PATH.');

const dataDir = mkdtempSync(path.join(os.tmpdir(), 'latchkey-pictures-'));
const server = spawn(process.execPath, [path.join(root, 'scripts', 'start.mjs')], {
  cwd: dataDir,
  env: { ...process.env, PORT: String(port), DEMO_PORT: String(demoPort), DATA_DIR: dataDir, LOG_LEVEL: 'error' },
  stdio: ['ignore', 'inherit', 'inherit'],
});

async function ready(url) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (
      await fetch(url).then(
        (response) => response.ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} does not answer`);
}

try {
  await Promise.all([ready(`http://localhost:${port}/readyz`), ready(`http://127.0.0.1:${demoPort}/`)]);
  const browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  const folder = path.join(root, 'scripts', 'pictures');
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    const page = await browser.newPage({ viewport: { width: 760, height: 730 }, deviceScaleFactor: 1.5, colorScheme });
    await page.goto(`http://127.0.0.1:${demoPort}/`);
    await page.click('text=Sign in with');
    await page.waitForSelector('input[name=password]');
    await page.screenshot({ path: path.join(folder, `sign-in-${colorScheme}.png`) });
    console.log(`wrote scripts/pictures/sign-in-${colorScheme}.png`);
    await page.close();
  }
  await browser.close();
} finally {
  server.kill('SIGTERM');
  await new Promise((resolve) => server.once('exit', resolve));
  rmSync(dataDir, { recursive: true, force: true });
}
