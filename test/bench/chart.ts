import type { Figures } from './figures.js';
import { operations } from './operations.js';
import { apartOf } from './report.js';

const WIDTH = 760;
const LEFT = 250;
const BAR = 11;
const COLORS: Record<string, string> = {
  ...{ sqlite: '#14615a', postgresql: '#3b6ea5' },
  ...{ [apartOf('sqlite')]: '#7fb3ad', [apartOf('postgresql')]: '#9dbbdb' },
};
const titleOf = (database: string) => database.replace('sqlite', 'SQLite').replace('postgresql', 'PostgreSQL');

const escapeText = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** The chart of the README: the yardstick's processor time over ours, so 1 is as cheap as the bare library, which stores nothing. */
export function chartOf(figures: readonly Figures[], caption: string): string {
  const compared = figures.filter(({ operation }) => !operations.find(({ name }) => name === operation)?.yardstickIsArgon2);
  const names = [...new Set(compared.map(({ operation }) => operation))];
  const greatest = Math.max(1.2, ...compared.map(({ cpu_ratio }) => cpu_ratio));
  const scale = (WIDTH - LEFT - 60) / greatest;
  const parts: string[] = [];
  let y = 58;
  for (const name of names) {
    const title = operations.find((each) => each.name === name)?.title ?? name;
    const bars = compared.filter(({ operation }) => operation === name);
    parts.push(`<text x="${LEFT - 10}" y="${y + 2 + (bars.length * (BAR + 2)) / 2}" text-anchor="end">${escapeText(title)}</text>`);
    for (const { database, cpu_ratio } of bars) {
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${(cpu_ratio * scale).toFixed(1)}" height="${BAR}" rx="2" fill="${COLORS[database] ?? '#777'}"/>`,
      );
      parts.push(`<text x="${(LEFT + cpu_ratio * scale + 5).toFixed(1)}" y="${y + 9}" class="value">${cpu_ratio.toFixed(2)}</text>`);
      y += BAR + 2;
    }
    y += 10;
  }
  const one = (LEFT + scale).toFixed(1);
  const legend = [...new Set(compared.map(({ database }) => database))]
    .map((database, index) => {
      const x = LEFT + index * 125;
      return `<rect x="${x}" y="34" width="10" height="10" rx="2" fill="${COLORS[database] ?? '#777'}"/><text x="${x + 15}" y="43">${titleOf(database)}</text>`;
    })
    .join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 30}" viewBox="0 0 ${WIDTH} ${y + 30}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Processor time of bare oidc-provider over ours">
<style>text{fill:#1f2328}.value{font-size:11px}.small{font-size:11px;fill:#57606a}@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}}</style>
<text x="10" y="20" font-size="14" font-weight="600">Processor time of bare oidc-provider (in memory) over ours; longer is better</text>
${legend}
<line x1="${one}" x2="${one}" y1="50" y2="${y - 4}" stroke="#8b949e" stroke-dasharray="3 3"/>
${parts.join('\n')}
<text x="10" y="${y + 18}" class="small">${escapeText(caption)}</text>
</svg>
`;
}
