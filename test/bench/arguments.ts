import { parseArgs } from 'node:util';
import { operations } from './operations.js';

export type Database = 'sqlite' | 'postgresql';

export type Plan = {
  operations: string[];
  databases: Database[];
  workers: number;
  /** the same with so many processes takes turns with it, instead of the yardstick */
  workersAgainst: number | undefined;
  /** measured time of each operation on each side */
  durationSeconds: number;
  sliceSeconds: number;
  warmUpSeconds: number;
  warmUpOperations: number;
  growth: boolean;
  /** how long tokens take beside a flood of logins */
  flood: boolean;
  /** operations of the mixture whose memory is watched */
  memoryOperations: number | undefined;
  accounts: number;
  tokens: number;
  jsonFile: string | undefined;
  chartFile: string | undefined;
  profileFolder: string | undefined;
};

const names = operations.map(({ name }) => name);
/** One that signs with RSA on the threads that hash passwords too, and one that does not. */
const FLOODED = ['client_credentials_jwt', 'introspection'];

export const USAGE = `npm run bench -- [options]

Ours and bare oidc-provider (in-memory adapter, same key size, clients and claims) take turns in short slices.

  --operation NAME   one or several, with commas: ${names.join(', ')}
  --database NAME    sqlite, postgresql, or both (the default)
  --workers N        processes of ours (needs postgresql when above 1); N,M: so many take turns with so many, instead of with the yardstick, and with as many separate installations; each process has as many connections
  --duration S       seconds measured for each operation and side (default 6), in slices of 1 s, after a warm-up of 10,000 operations
  --growth           a full database against an empty one: 1,000,000 accounts, 5,000,000 token rows
  --accounts N, --tokens N   how full
  --memory           what ours holds in memory over --operations N of all kinds (100,000), on SQLite unless --database says otherwise
  --flood            p99 of tokens beside as many logins as the server takes, over that without (client_credentials_jwt, introspection)
  --json FILE        an array of the figures
  --chart FILE       the chart of the README (scripts/pictures/bench.svg)
  --profile FOLDER   processor profiles of both sides, of the measured slices alone
`;

/** @throws Error for what cannot be meant */
export function readArguments(argv: readonly string[]): Plan | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      operation: { type: 'string' },
      database: { type: 'string' },
      workers: { type: 'string', default: '1' },
      duration: { type: 'string', default: '6' },
      growth: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      flood: { type: 'boolean', default: false },
      operations: { type: 'string', default: '100000' },
      accounts: { type: 'string', default: '1000000' },
      tokens: { type: 'string', default: '5000000' },
      json: { type: 'string' },
      chart: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const number = (name: string, text: string, least: number) => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < least) throw new Error(`--${name} must be a number of at least ${least}`);
    return value;
  };
  const [first = 1, second] = values.workers.split(',').map((text) => number('workers', text, 1));
  const workers = Math.max(first, second ?? 1);
  const database = values.database ?? (workers > 1 ? 'postgresql' : values.memory ? 'sqlite' : 'both');
  if (!['sqlite', 'postgresql', 'both'].includes(database)) throw new Error('--database must be sqlite, postgresql or both');
  if (workers > 1 && database !== 'postgresql') throw new Error('--workers above 1 needs --database postgresql');
  const chosen = values.operation?.split(',') ?? (values.flood ? FLOODED : names);
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`no operation ${unknown.join(', ')}; there are ${names.join(', ')}`);
  return {
    operations: chosen,
    databases: database === 'both' ? ['sqlite', 'postgresql'] : [database as Database],
    workers,
    workersAgainst: second === undefined ? undefined : Math.min(first, second),
    durationSeconds: number('duration', values.duration, 1),
    sliceSeconds: 1,
    warmUpSeconds: 1.5,
    warmUpOperations: 10_000,
    growth: values.growth,
    flood: values.flood,
    memoryOperations: values.memory ? number('operations', values.operations, 100) : undefined,
    accounts: number('accounts', values.accounts, 1),
    tokens: number('tokens', values.tokens, 0),
    jsonFile: values.json,
    chartFile: values.chart,
    profileFolder: values.profile,
  };
}
