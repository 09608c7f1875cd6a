// npm run docs: writes what is generated from the settings: the tables of README.md and .env.example. `--check` only says whether they differ.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureBuilt } from './build.mjs';
import { root } from './prisma.mjs';

const BEGIN = '<!-- settings:begin -->';
const END = '<!-- settings:end -->';

const defaultOf = ({ fallback, fallbackNote }) => (fallback === undefined ? (fallbackNote ?? 'none') : `\`${fallback}\``);
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function groupsOf(settings) {
  const groups = new Map();
  for (const setting of Object.values(settings)) groups.set(setting.group, [...(groups.get(setting.group) ?? []), setting]);
  return groups;
}

/** The settings as Markdown: a table for each group. */
export function settingsTables(settings) {
  const tables = [...groupsOf(settings)].map(([group, members]) =>
    [
      `**${group}**`,
      '',
      '| setting | default | meaning |',
      '|---|---|---|',
      ...members.map(
        (setting) => `| \`${setting.name}\`${setting.secret ? ' *' : ''} | ${cell(defaultOf(setting))} | ${cell(setting.meaning)} |`,
      ),
    ].join('\n'),
  );
  const note = '\\* A secret: also read from the file that `NAME_FILE` names (`KEY_ENCRYPTION_KEY_FILE=/run/secrets/key`).';
  return [...tables, note].join('\n\n');
}

/** The settings as an environment file in which nothing is set. */
export function environmentExample(settings) {
  const head = [
    '# Every setting with its default. Copy what should differ into the environment of the server; without any of them it runs.',
    '# Where the default depends on something, the value is left empty and the default stands beside it. A secret may stand in a file',
    '# instead: NAME_FILE=/path/to/it.',
  ];
  const blocks = [...groupsOf(settings)].map(([group, members]) =>
    [
      `# --- ${group} ---`,
      ...members.flatMap(({ name, meaning, fallback, fallbackNote }) => [
        '',
        `# ${meaning.replaceAll('`', '')}${fallback === undefined ? ` (default: ${fallbackNote ?? 'none'})` : ''}`,
        `#${name}=${fallback === undefined ? '' : /[\s#<>]/.test(fallback) ? `"${fallback}"` : fallback}`,
      ]),
    ].join('\n'),
  );
  return `${[head.join('\n'), ...blocks].join('\n\n')}\n`;
}

/** Puts the tables between their markers. */
export function withTables(readme, tables) {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md must hold ${BEGIN} and, after it, ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${tables}\n${readme.slice(end)}`;
}

async function main() {
  await ensureBuilt({ quiet: true });
  const { settings } = await import('../dist/config/settings.js');
  const readmeFile = path.join(root, 'README.md');
  const readme = existsSync(readmeFile) ? readFileSync(readmeFile, 'utf8') : `${BEGIN}\n${END}\n`;
  const files = [
    [readmeFile, withTables(readme, settingsTables(settings))],
    [path.join(root, '.env.example'), environmentExample(settings)],
  ];
  for (const [file, text] of files) {
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    if (process.argv.includes('--check')) {
      console.error(`${path.relative(root, file)} differs from the settings in src/config. Run: npm run docs`);
      process.exitCode = 1;
    } else {
      writeFileSync(file, text);
      console.log(`wrote ${path.relative(root, file)}`);
    }
  }
}

if (import.meta.filename === path.resolve(process.argv[1] ?? '')) await main();
