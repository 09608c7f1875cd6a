import path from 'node:path';
import { type Import, importsOf, type SourceFile, withoutComments } from './sources.js';

/** A rule reads files and says what is wrong, one line each; no line: all is well. */
export type Rule = (files: readonly SourceFile[]) => string[];

const inSource = (files: readonly SourceFile[]) => files.filter((file) => file.path.startsWith('src/'));
const importsIn = (files: readonly SourceFile[]) => inSource(files).flatMap(importsOf);
const isLocal = ({ kind }: Import) => kind === 'value' || kind === 'type';
const says = ({ from, to }: Import) => `${from} imports ${to}`;

/** What each part may import. `services` is the composition root without HTTP; nothing below it may know it. */
const LAYERS: Record<string, readonly string[]> = {
  config: [],
  platform: [],
  identity: ['platform'],
  oidc: ['platform', 'identity'],
  render: ['platform'],
  services: ['platform', 'identity', 'oidc', 'config', 'render'],
  pages: ['platform', 'identity', 'oidc', 'render'],
  api: ['platform', 'identity', 'oidc'],
  cli: ['platform', 'identity', 'oidc', 'config', 'services'],
  app: ['platform', 'identity', 'oidc', 'pages', 'api', 'config', 'services'],
  welcome: ['platform', 'identity', 'oidc', 'config', 'services'],
  serve: ['platform', 'config', 'services', 'app', 'welcome'],
  main: ['platform', 'config', 'serve'],
};

const layerOf = (file: string) => file.split('/')[1]?.replace(/\.ts$/, '') ?? '';

/** platform <- identity <- oidc <- pages, api, cli <- app, main. The type of the settings may be named anywhere. */
export const importsPointOneWay: Rule = (files) => {
  const unknown = inSource(files).filter(({ path }) => !(layerOf(path) in LAYERS));
  const wrong = importsIn(files).filter((each) => {
    const [from, to] = [layerOf(each.from), layerOf(each.to)];
    if (!isLocal(each) || from === to) return false;
    if (!each.to.startsWith('src/')) return true;
    if (to === 'config' && each.kind === 'type') return false;
    return !LAYERS[from]?.includes(to);
  });
  return [...unknown.map(({ path }) => `${path} is in no layer`), ...wrong.map(says)];
};

/** No file reaches itself by imports that are there at run time. */
export const noCycles: Rule = (files) => {
  const edges = new Map<string, string[]>();
  for (const { from, to, kind } of importsIn(files)) if (kind === 'value') edges.set(from, [...(edges.get(from) ?? []), to]);
  const cycles = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, trail: string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.add([...trail.slice(start), file].join(' -> '));
    if (start >= 0 || done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return [...cycles];
};

/** From outside a folder that has an index.ts, only that index.ts is imported; of folders in folders, the outermost counts. */
export const featuresAreEnteredThroughTheirIndex: Rule = (files) => {
  const features = new Set(inSource(files).flatMap(({ path: file }) => (path.basename(file) === 'index.ts' ? [path.dirname(file)] : [])));
  return importsIn(files)
    .filter((each) => {
      if (!isLocal(each)) return false;
      const parts = path.dirname(each.to).split('/');
      const entered = parts
        .map((_, depth) => parts.slice(0, depth + 1).join('/'))
        .find((folder) => features.has(folder) && !each.from.startsWith(`${folder}/`));
      return entered !== undefined && each.to !== `${entered}/index.ts`;
    })
    .map(says);
};

/** Layers hold features; the folders that are no features themselves. */
const LAYER_FOLDERS = new Set(['src', 'src/platform', 'src/oidc', 'src/pages', 'src/api']);

/** Every feature folder has an index.ts, which opens with a note of what it owns. */
export const everyFolderSaysWhatItOwns: Rule = (files) => {
  const folders = new Set(inSource(files).map(({ path: file }) => path.dirname(file)));
  return [...folders].flatMap((folder) => {
    const index = files.find((file) => file.path === `${folder}/index.ts`);
    if (!index) return LAYER_FOLDERS.has(folder) ? [] : [`${folder} has no index.ts`];
    return /^\s*(\/\*\*|\/\/)[\s\S]{20,}/.test(index.text) ? [] : [`${index.path} does not open with what it owns`];
  });
};

/** A rule about where some code may stand: `where` says for a path whether it may. */
const onlyWhere =
  (what: string, code: RegExp, where: (file: string) => boolean): Rule =>
  (files) =>
    inSource(files)
      .filter(({ path: file, text }) => !where(file) && code.test(withoutComments(text)))
      .map(({ path: file }) => `${file} ${what}`);

/** A rule about where some packages may be imported, types included. */
const packageOnlyWhere =
  (packages: RegExp, where: (file: string) => boolean): Rule =>
  (files) =>
    importsIn(files)
      .filter((each) => !isLocal(each) && packages.test(each.to) && !where(each.from))
      .map(says);

export const onlyConfigReadsTheEnvironment = onlyWhere(
  'touches the environment of the process',
  /\bprocess\s*(\?\.|\.)\s*env\b|\bprocess\s*\[|\benv\b[^;\n]*from 'node:process'|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/,
  (file) => file.startsWith('src/config/'),
);

export const onlyTheClockReadsTheTime = onlyWhere(
  'reads the time itself',
  /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)/,
  (file) => file === 'src/platform/clock.ts',
);

const mayQuery = (file: string) =>
  file.startsWith('src/platform/') || file.startsWith('src/oidc/adapter/') || /(^|-)repository\.ts$/.test(path.basename(file));

export const onlyRepositoriesQuery = onlyWhere(
  'queries the database outside of a repository',
  /\b(db|database)\.client\b|\{[^}]*\bclient\b[^}]*\}\s*=\s*(\w+\.)*(db|database)\b|\$(queryRaw|executeRaw|transaction)\b|\b(db|database)\.(query|execute)\b|\.(findUnique|findFirst|findMany|createMany|updateMany|deleteMany)(OrThrow)?\(/,
  mayQuery,
);

export const onlyTheDatabasePartKnowsTheDrivers: Rule = (files) => [
  ...packageOnlyWhere(/^(@prisma\/|@libsql\/|libsql$|pg$)/, (file) => file.startsWith('src/platform/db/'))(files),
  ...importsIn(files)
    .filter(({ from, to }) => to.includes('/generated/') && !from.startsWith('src/platform/db/'))
    .map(says),
];

export const onlyOneFileTellsTheDatabasesApart = onlyWhere(
  'asks which database it is',
  /\bprovider\s*[!=]==?\s*['"](sqlite|postgresql)['"]|['"](sqlite|postgresql)['"]\s*[!=]==?/,
  (file) => file.startsWith('src/platform/db/'),
);

export const onlyOidcKnowsTheLibrary = packageOnlyWhere(/^oidc-provider(\/|$)/, (file) => file.startsWith('src/oidc/'));

/** On Node 20 each AsyncLocalStorage costs every promise something; whatever else follows the work is a slot in the one of platform/trace. */
export const thereIsOneAsyncLocalStorage = packageOnlyWhere(
  /^(node:)?async_hooks$/,
  (file) => !file.startsWith('src/') || file === 'src/platform/trace/index.ts',
);

/** Who may know a request. The renderer may not: mails are written without one. */
const mayKnowKoa = (file: string) =>
  (!file.startsWith('src/render/') && /^src\/(app\.ts|main\.ts|(pages|api|platform\/http)\/)/.test(file)) ||
  /^src\/oidc\/[^/]+\.ts$/.test(file);

/** Services are called by pages, APIs and the command line alike: none of them knows a request. */
export const servicesKnowNoRequest: Rule = (files) => [
  ...packageOnlyWhere(/^(koa|@koa\/|koa-)/, mayKnowKoa)(files),
  ...onlyWhere(
    'handles a request context in a service',
    /\bctx\b|\bKoaContext\w*/,
    (file) => !/^src\/identity\//.test(file) && !/\/(service|repository|schemas)\.ts$/.test(file),
  )(files),
];

export const filesAreShort: Rule = (files) =>
  files
    .map(({ path: file, text }) => ({ file, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > 300)
    .map(({ file, lines }) => `${file} has ${lines} lines: split it at a concept`);

const DRAWER = /(^|-)(utils?|helpers?|commons?|managers?)$/;

export const namesAreNouns: Rule = (files) => {
  const parts = new Set(files.flatMap(({ path: file }) => file.split('/').map((_, index, all) => all.slice(0, index + 1).join('/'))));
  return [...parts].flatMap((each) => {
    const name = path.basename(each).replace(/(\.test|\.config|\.d)?\.(ts|mjs|js)$/, '');
    if (DRAWER.test(name)) return [`${each} is a drawer, not a thing: name what is in it`];
    return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ? [] : [`${each} is not kebab-case`];
  });
};

// Put together here, so that this file is not its own finding.
const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`);
const SWITCHED_OFF = new RegExp(`\\b(it|test|describe)(\\.\\w+)*\\.(${['sk' + 'ip', 'on' + 'ly', 'to' + 'do'].join('|')})\\b`);

export const nothingIsLeftForLater: Rule = (files) =>
  files.flatMap(({ path: file, text }) => [
    ...(UNFINISHED.test(text) ? [`${file} leaves something for later`] : []),
    ...(SWITCHED_OFF.test(withoutComments(text)) ? [`${file} switches a test off`] : []),
  ]);
