import { defineConfig } from 'vitest/config';

const shared = {
  environment: 'node' as const,
  testTimeout: 30_000,
  hookTimeout: 60_000,
  globalSetup: ['test/support/global-setup.ts'],
  // Modules keep no state of their own (a house rule), so the files of a worker may share them: importing them anew for each file cost a
  // fifth of the whole run.
  isolate: false,
  // What runs a few times is not worth optimising, and a process of minutes has room for young objects: a tenth of the processor time of a
  // run. Later versions of Node know the first setting no more.
  execArgv: [...(process.versions.node.startsWith('20.') ? ['--interrupt-budget=1000000'] : []), '--max-semi-space-size=64'],
};

export default defineConfig({
  test: {
    // Each file has its own server and database. Files wait for programs they start, for the database and for timers: three keep two cores busy.
    maxWorkers: 3,
    projects: [
      {
        test: {
          ...shared,
          name: 'node',
          include: ['test/{architecture,unit,storage,http,api,flows,cli}/**/*.test.ts'],
        },
      },
      {
        test: { ...shared, name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 90_000, hookTimeout: 120_000 },
      },
      {
        // Long by nature; DURABILITY_ROUNDS makes it short.
        test: { ...shared, name: 'durability', include: ['test/durability/**/*.test.ts'], testTimeout: 3_600_000, hookTimeout: 120_000 },
      },
    ],
  },
});
