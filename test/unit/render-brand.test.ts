import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildBrandShades, grounds } from '../../src/render/color.js';
import { contrast, createRenderer, type Renderer } from '../../src/render/index.js';

const viewsDir = join(import.meta.dirname, '../../views');
const context = { nonce: 'n0nce' };
let renderer: Renderer;
beforeAll(() => {
  renderer = createRenderer({ brand: { name: 'Latchkey' }, viewsDir, production: true });
});

describe('brand colours', () => {
  const random = (seed: number): string => `#${((seed * 2654435761) % 0x1000000).toString(16).padStart(6, '0')}`;
  const colors = [
    '#fff',
    '#000',
    '#ffff00',
    '#808080',
    '#777777',
    '#ff0000',
    '#0000ff',
    '#14615a',
    ...Array.from({ length: 500 }, (_, i) => random(i + 1)),
  ];

  it.each(['light', 'dark'] as const)('stay readable in the %s theme, whatever colour is given', (theme) => {
    const { page, card } = grounds[theme];
    for (const color of colors) {
      const shades = buildBrandShades(color, theme);
      expect(contrast(shades.fill, shades.onFill), color).toBeGreaterThanOrEqual(4.5);
      expect(contrast(shades.fillHover, shades.onFill), color).toBeGreaterThanOrEqual(4.5);
      for (const ground of [page, card]) {
        expect(contrast(shades.ink, ground), color).toBeGreaterThanOrEqual(4.5);
        expect(contrast(shades.edge, ground), color).toBeGreaterThanOrEqual(3);
      }
    }
  });

  it('know the grounds of the stylesheet', () => {
    const css = readFileSync(join(viewsDir, 'assets/style.css'), 'utf8');
    for (const { page, card } of [grounds.light, grounds.dark]) {
      expect(css).toContain(`--page: ${page};`);
      expect(css).toContain(`--card: ${card};`);
    }
  });
});

describe('assets', () => {
  it('are few, small, named by their content, and ask no other host', () => {
    for (const [path, { body, type, etag }] of renderer.assets) {
      expect(path).toMatch(/^\/assets\/\w+\.[0-9a-f]{16}\.(css|js|svg)$/);
      expect(etag).toMatch(/^"[0-9a-f]{16}"$/);
      expect(body.toString().replaceAll('http://www.w3.org/2000/svg', ''), path).not.toMatch(/https?:|\/\/[a-z]+\.|@import|url\(/);
      if (type.startsWith('text/css')) expect(body.length).toBeLessThan(12 * 1024);
    }
    expect(renderer.assets.size).toBe(3);
  });

  it('change their path with the brand’s colour', () => {
    const other = createRenderer({ brand: { name: 'Acme & Co', color: '#c00' }, viewsDir, production: true });
    expect([...other.assets.keys()]).not.toContain([...renderer.assets.keys()][0]);
    expect(other.page('interaction/login', { action: '/x' }, context)).toContain('Acme &amp; Co');
  });
});
