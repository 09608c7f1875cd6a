/** npm run bench: ours and the yardstick by turns, in one run (see `USAGE`). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onServer, startPostgres, type TestPostgres } from '../support/postgres.js';
import { type Plan, readArguments, USAGE } from './arguments.js';
import { chartOf } from './chart.js';
import { compare, type Figures } from './figures.js';
import { type FloodFigures, floodLine, measureFlood } from './flood.js';
import { fillUp } from './growth.js';
import { type Measured, measure } from './measure.js';
import { type MemoryFigures, watchMemory } from './memory.js';
import { openPostBox } from './post-box.js';
import { apartOf, argon2Shares, describeRun, rises, table } from './report.js';
import { type Installation, install, openYardstick, type Side, start } from './sides.js';

const say = (text: string) => console.error(text);

/** One side held against another. Those of a field take turns with each other. */
type Contest = { side: Side; against: Side; database: string };
type Field = Contest[];

async function main(): Promise<void> {
  const plan = readArguments(process.argv.slice(2));
  if (plan === 'help') return console.log(USAGE);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-bench-'));
  const closing: (() => Promise<unknown> | undefined)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  try {
    if (plan.profileFolder) mkdirSync(plan.profileFolder, { recursive: true });
    const description = describeRun(plan);
    say(description);
    let postgres: TestPostgres | undefined;
    if (plan.databases.includes('postgresql')) {
      postgres = await startPostgres({ durable: true });
      closing.push(() => postgres?.stop());
    }
    const postBox = await openPostBox();
    closing.push(postBox.close);
    const set: Opening['set'] = async (name, database, workers = plan.workers) => {
      if (postgres && database === 'postgresql') await onServer(postgres.url, `CREATE DATABASE ${name}`);
      const databaseUrl = postgres && database === 'postgresql' ? `${postgres.url}/${name}` : undefined;
      return install({ name, database, databaseUrl, smtpPort: postBox.port, workers, folder });
    };
    const opened = async (side: Promise<Side>): Promise<Side> => {
      const open = await side;
      closing.push(open.stop);
      return open;
    };
    if (plan.memoryOperations !== undefined) return await remember(plan, plan.memoryOperations, { set, opened });
    if (plan.flood) return await flood(plan, { set, opened });
    const figures: Figures[] = [];
    for (const field of await fieldsOf(plan, { set, opened, folder })) {
      figures.push(...(await run(plan, field)));
    }
    report(plan, figures, description);
    if (figures.some(({ ours, yardstick }) => ours.errors + yardstick.errors > 0)) process.exitCode = 1;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

type Opening = {
  set: (name: string, database: Plan['databases'][number], workers?: number) => Promise<Installation>;
  opened: (side: Promise<Side>) => Promise<Side>;
};

async function remember(plan: Plan, operations: number, { set, opened }: Opening): Promise<void> {
  const all: (MemoryFigures & { database: string })[] = [];
  for (const database of plan.databases) {
    const side = await opened(start(await set(`ours_${database}`, database)));
    const figures = await watchMemory(side, { operations, names: plan.operations, say });
    const { errors, firstError, keptMib, readings } = figures;
    say(
      `${database}: ${readings.at(-1)?.rssMib} MiB resident at the end; the second half left ${keptMib} MiB in the heap; ${errors} errors`,
    );
    if (firstError) say(firstError);
    if (errors > 0) process.exitCode = 1;
    all.push({ database, ...figures });
  }
  if (plan.jsonFile) writeFileSync(plan.jsonFile, `${JSON.stringify(all, null, 2)}\n`);
}

async function flood(plan: Plan, { set, opened }: Opening): Promise<void> {
  const all: FloodFigures[] = [];
  for (const database of plan.databases) {
    const side = await opened(start(await set(`ours_${database}`, database)));
    for (const operation of plan.operations) {
      const figures = await measureFlood(side, { operation, database }, plan);
      console.log(floodLine(figures));
      if (figures.firstError) say(figures.firstError);
      if (figures.idle.errors + figures.flooded.errors > 0) process.exitCode = 1;
      all.push(figures);
    }
  }
  if (plan.jsonFile) writeFileSync(plan.jsonFile, `${JSON.stringify(all, null, 2)}\n`);
}

async function fieldsOf(plan: Plan, { set, opened, folder }: Opening & { folder: string }): Promise<Field[]> {
  if (plan.growth) return growthFields(plan, { set, opened });
  const { workersAgainst: fewer } = plan;
  if (fewer === undefined) return [await yardstickField(plan, { set, opened, folder })];
  return [await workersField(plan, fewer, { set, opened })];
}

/** Fewer processes with more of them, and with as many separate installations: what those take more is what the machine takes. */
async function workersField({ databases, workers }: Plan, fewer: number, { set, opened }: Opening): Promise<Field> {
  const field: Field = [];
  for (const database of databases) {
    const against = await opened(start(await set(`against_${fewer}_${database}`, database, fewer)));
    field.push({ side: await opened(start(await set(`workers_${workers}_${database}`, database))), against, database });
    const apart = [];
    for (let index = 0; index < workers; index++) apart.push(await set(`apart_${index}_${database}`, database, 1));
    field.push({ side: await opened(start(...(apart as [Installation]))), against, database: apartOf(database) });
  }
  return field;
}

async function yardstickField(plan: Plan, { set, opened, folder }: Opening & { folder: string }): Promise<Field> {
  const against = await opened(openYardstick(folder));
  const field: Field = [];
  for (const database of plan.databases) {
    const side = await opened(start(await set(`ours_${database}`, database)));
    say(`${side.name}: the first start took ${Math.round(side.readyMs)} ms`);
    field.push({ side, against, database });
  }
  return field;
}

/** The same server twice: over a database that is full, and over its empty twin. */
async function growthFields(plan: Plan, { set, opened }: Opening): Promise<Field[]> {
  const fields: Field[] = [];
  for (const database of plan.databases) {
    const [empty, full] = [await set(`empty_${database}`, database), await set(`full_${database}`, database)];
    say(`filling ${database}: ${plan.accounts} accounts, ${plan.tokens} tokens ...`);
    const begun = performance.now();
    await fillUp(full, plan);
    say(`filled in ${Math.round((performance.now() - begun) / 1000)} s`);
    const against = await opened(start(empty));
    fields.push([{ side: await opened(start(full)), against, database }]);
  }
  return fields;
}

async function run(plan: Plan, field: Field): Promise<Figures[]> {
  const figures: Figures[] = [];
  const sides = [...new Set(field.flatMap(({ side, against }) => [against, side]))];
  for (const operation of plan.operations) {
    say(`${operation} ...`);
    const measured = await measure(operation, sides, plan);
    const of = (side: Side) => measured[sides.indexOf(side)] as Measured;
    for (const { side, against, database } of field)
      figures.push(compare({ operation, database, workers: plan.workers }, of(side), of(against)));
    for (const each of measured) if (each.firstError) say(`  ${each.side}: ${each.firstError}`);
  }
  return figures;
}

const otherSideOf = ({ growth, workersAgainst }: Plan): string =>
  growth ? 'empty twin' : workersAgainst === undefined ? 'yardstick' : `x${workersAgainst}`;

function report(plan: Plan, figures: readonly Figures[], description: string): void {
  console.log(`\n${description}\n\n${table(figures, otherSideOf(plan))}\n`);
  console.log(
    'CPU ms: server processor time of one operation. CPU ratio: the other side over ours, median of the rounds; above 1, ours is cheaper.',
  );
  if (plan.databases.includes('postgresql'))
    console.log('PostgreSQL runs in processes of its own: its processor time is not in these figures.');
  if (otherSideOf(plan) === 'yardstick') for (const line of argon2Shares(figures)) console.log(line);
  if (plan.workersAgainst !== undefined) for (const line of rises(figures)) console.log(line);
  if (plan.jsonFile) writeFileSync(plan.jsonFile, `${JSON.stringify(figures, null, 2)}\n`);
  if (plan.chartFile) {
    const [machine = '', versions = ''] = description.split('\n');
    writeFileSync(plan.chartFile, chartOf(figures, `${machine}; ${versions.split(',')[0]}`));
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
