import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt, runNode } from '../support/built.js';

const script = path.resolve(import.meta.dirname, '../../scripts/test.mjs');
const withoutBrowser = { CHROMIUM_PATH: '/nowhere/chromium' };

describe('npm test on a machine without a browser', () => {
  beforeAll(ensureBuilt);

  // --help runs no test; what is told of the browser is the same.
  it('says plainly that the browser tests were skipped, how many and how to run them, and does not fail for it', async () => {
    const { code, stdout } = await runNode([script, '--help'], { env: withoutBrowser });
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nSKIPPED: the browser tests \(\d+ files\), for want of a Chromium\. .*npm run test:browser\n$/);
  });

  it('fails where the browser tests were asked for', async () => {
    const { code, stdout, stderr } = await runNode([script, 'browser', '--help'], { env: withoutBrowser });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('No Chromium found');
  });
});
