/** The demo as a process of its own: settings, one line when it listens, and a clean stop. */
import { startDemo } from './server.js';
import { readSettings } from './settings.js';

try {
  const settings = readSettings(process.env);
  const demo = await startDemo(settings);
  console.log(`Demo Shop on ${demo.origin} (signs people in through ${settings.issuerUrl.origin})`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void demo.close().then(() => process.exit(0)));
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const taken = 'its port is in use; choose another with DEMO_PORT';
  console.error(`Demo Shop could not start: ${code === 'EADDRINUSE' ? taken : message}`);
  process.exitCode = 1;
}
