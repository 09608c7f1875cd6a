// npm run latchkey -- COMMAND: the command line from a checkout, built first when it is out of date.
import { ensureBuilt } from './build.mjs';

await ensureBuilt({ quiet: true });
await import('../dist/cli.js');
