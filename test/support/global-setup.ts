import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createClient } from '@libsql/client';
import type { TestProject } from 'vitest/node';
import { loadConfig } from '../../src/config/index.js';
import { migrate } from '../../src/platform/db/index.js';
import { createLogger } from '../../src/platform/log/index.js';
import { createServices } from '../../src/services.js';
import { testEnvironment } from './environment.js';
import { onServer, startPostgres, type TestPostgres } from './postgres.js';
import { useScratchFolder } from './scratch.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder of the SQLite files to copy, one for each template. */
    sqliteTemplates: string;
    /** The PostgreSQL server's URL without a database; its databases `latchkey_<template>` are the templates. */
    postgresServer: string;
  }
}

let postgres: TestPostgres | undefined;
let removeScratch: (() => void) | undefined;

const prismaDirectory = path.resolve(import.meta.dirname, '../../prisma');

/** Has a test server start once in a database, which leaves its keys, roles and secrets there: making RSA keys takes most of a start. */
async function startOnce(url: string, dataDir: string): Promise<void> {
  const config = loadConfig({ ...testEnvironment, DATA_DIR: dataDir, DATABASE_URL: url }, { root: dataDir });
  const services = await createServices(config, { log: createLogger({ level: 'silent', format: 'json' }) });
  await services.close();
}

/** What was written may still stand in the write-ahead log, and only the file is copied. */
async function checkpoint(url: string): Promise<void> {
  const client = createClient({ url });
  await client.execute('PRAGMA wal_checkpoint(TRUNCATE)');
  client.close();
}

/** Makes each template once; every test then copies one. */
export async function setup(project: TestProject): Promise<void> {
  // What has to survive a kill or a lack of room is tried on a disk.
  removeScratch = useScratchFolder({ inMemory: project.name !== 'durability' });
  const folder = path.join(os.tmpdir(), 'templates');
  mkdirSync(folder);
  postgres = await startPostgres();
  for (const template of ['empty', 'server'] as const) {
    await onServer(postgres.url, `CREATE DATABASE latchkey_${template}`);
    const urls = [`file:${path.join(folder, `${template}.db`)}`, `${postgres.url}/latchkey_${template}`];
    for (const url of urls) {
      await migrate({ url, directory: prismaDirectory });
      if (template === 'server') await startOnce(url, folder);
      if (url.startsWith('file:')) await checkpoint(url);
    }
  }
  project.provide('sqliteTemplates', folder);
  project.provide('postgresServer', postgres.url);
}

export async function teardown(): Promise<void> {
  await postgres?.stop();
  removeScratch?.();
}
