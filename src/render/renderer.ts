import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ejs from 'ejs';
import { type Asset, type Assets, loadAssets } from './assets.js';
import { grounds } from './color.js';
import type { Brand, PageContext } from './context.js';
import { createFormat } from './format.js';
import { attributes, escapeHtml, Html, linkify, safeHref } from './html.js';
import { createMailRenderer } from './mail-renderer.js';
import type { Mails, RenderedMail } from './mails.js';
import { describeError, describeProblems } from './problems.js';
import { type Catalogue, createTexts, type Texts } from './texts.js';
import type { ErrorView, FormError, Views } from './views.js';

export type RendererDeps = {
  brand: Brand;
  /** the folder `views/` */
  viewsDir: string;
  /** without line numbers in template errors, and without development hints */
  production: boolean;
  /** languages beside English */
  catalogues?: readonly Catalogue[];
};

export type Renderer = {
  /** A whole HTML page. Throws when the model lacks what the template needs. */
  page<K extends keyof Views>(view: K, model: Views[K], ctx: PageContext): string;
  /** A mail's subject, HTML and plain text. */
  mail<K extends keyof Mails>(template: K, model: Mails[K]): RenderedMail;
  /** What has to be served under its own path, immutable. */
  assets: Map<string, Asset>;
};

type Locals = Record<string, unknown>;
export type Template = (locals: Locals) => string;

const defaultColor = '#14615a';
/** The names a template sees; a template that uses another does not run (strict mode). */
const localNames = ['m', 't', 'rich', 'has', 'partial', 'page', 'ctx', 'ui', 'fmt', 'attrs', 'href', 'linkify', 'problems', 'failure'];

/** Compiles every template under `views/` once; the key is the path without its ending. */
function compileTemplates(viewsDir: string, production: boolean): Map<string, Template> {
  const files = readdirSync(viewsDir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ejs'));
  return new Map(
    files.map((file) => {
      const filename = join(viewsDir, file);
      const template = ejs.compile(readFileSync(filename, 'utf8'), {
        filename,
        strict: true,
        compileDebug: !production,
        destructuredLocals: localNames,
        escape: escapeHtml,
        rmWhitespace: true,
      });
      return [relative(viewsDir, filename).slice(0, -4).split(sep).join('/'), template];
    }),
  );
}

/** What a template may say about the page around it. */
type Page = { title: string; layout: 'card' | 'account' | 'wide'; nav?: string; errors?: boolean; body?: Html };

function createPageRenderer(
  templates: Map<string, Template>,
  { brand, production, assets, choose }: { brand: Brand; production: boolean; assets: Assets; choose: (locale?: string) => Texts },
): Renderer['page'] {
  const run = (name: string, locals: Locals): Html => {
    const template = templates.get(name);
    if (!template) throw new Error(`No template ${name}`);
    return new Html(template(locals));
  };
  return (view, model, ctx) => {
    const texts = choose(ctx.locale);
    const page: Page = { title: '', layout: 'card' };
    const shared: Locals = {
      ...{ t: texts.t, rich: texts.rich, has: texts.has, page, ctx, attrs: attributes, href: safeHref, linkify },
      ui: { brand, production, assets, grounds, locale: texts.locale, dir: texts.dir },
      fmt: createFormat(texts),
      problems: (errors?: readonly FormError[]) => describeProblems(errors, texts),
      failure: (error: ErrorView) => describeError(error, texts),
      partial: (name: string, m: unknown) => run(`partials/${name}`, { ...shared, m }),
    };
    page.body = run(view, { ...shared, m: model });
    return run(`layouts/${page.layout}`, { ...shared, m: model }).markup;
  };
}

/** Compiles templates and reads assets once; everything after that is synchronous and touches no file. Throws at once for a broken template, logo or colour. */
export function createRenderer({ brand, viewsDir, production, catalogues = [] }: RendererDeps): Renderer {
  const templates = compileTemplates(viewsDir, production);
  const color = brand.color ?? defaultColor;
  const assets = loadAssets({ viewsDir, brand, color });
  const choose = createTexts(catalogues);
  return {
    page: createPageRenderer(templates, { brand, production, assets, choose }),
    mail: createMailRenderer(templates, { brand, color, choose }),
    assets: assets.all,
  };
}
