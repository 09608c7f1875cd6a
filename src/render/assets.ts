import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { buildBrandCss, buildBrandShades } from './color.js';
import type { Brand } from './context.js';
import { escapeHtml } from './html.js';

/** A file we serve ourselves, for ever the same under its path (the path holds a hash of the body). */
export type Asset = { path: string; type: string; body: Buffer; etag: string };

/** The assets by path, and the paths the layout needs. */
export type Assets = { all: Map<string, Asset>; style: string; script: string; icon: string; logo: string | undefined };

const imageTypes: Record<string, string> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.avif': 'image/avif',
  '.gif': 'image/gif',
};

/** A stylesheet without comments and needless space. It knows no strings, so keep `;`, `{` and `}` out of them. */
export function compactCss(css: string): string {
  return css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/;}/g, '}')
    .trim();
}

/** The tile with the brand's first letter, or our own keyhole. */
function buildIcon(name: string, color: string): string {
  const { fill, onFill } = buildBrandShades(color, 'light');
  const mark =
    name === 'Latchkey'
      ? `<path fill="${onFill}" d="M16 7a6 6 0 0 0-3.2 11.1L11.500 25h9l-1.300-6.900A6 6 0 0 0 16 7z"/>`
      : `<text x="16" y="22.500" text-anchor="middle" font-family="system-ui,sans-serif" font-size="18" font-weight="600" fill="${onFill}">${escapeHtml([...name][0] ?? '')}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${fill}"/>${mark}</svg>`;
}

/** Reads the assets of `views/assets` and makes the brand's own. Throws when a file is missing or the logo is of no known type. */
export function loadAssets({ viewsDir, brand, color }: { viewsDir: string; brand: Brand; color: string }): Assets {
  const all = new Map<string, Asset>();
  const add = (name: string, extension: string, type: string, content: string | Buffer): string => {
    const body = Buffer.from(content);
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
    const path = `/assets/${name}.${hash}${extension}`;
    all.set(path, { path, type, body, etag: `"${hash}"` });
    return path;
  };
  const read = (file: string): string => readFileSync(join(viewsDir, 'assets', file), 'utf8');
  const addLogo = (logo: string | undefined): string | undefined => {
    if (logo === undefined || /^(https:|data:image\/)/.test(logo)) return logo;
    const extension = extname(logo).toLowerCase();
    const type = imageTypes[extension];
    if (type === undefined) throw new Error(`The brand logo must be a file of type ${Object.keys(imageTypes).join(', ')}`);
    return add('logo', extension, type, readFileSync(logo));
  };
  return {
    style: add('style', '.css', 'text/css; charset=utf-8', compactCss(read('style.css')) + buildBrandCss(color)),
    script: add('pages', '.js', 'text/javascript; charset=utf-8', read('pages.js')),
    icon: add('icon', '.svg', 'image/svg+xml', buildIcon(brand.name, color)),
    logo: addLogo(brand.logo),
    all,
  };
}
