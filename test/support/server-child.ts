import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { testEnvironment } from './environment.js';

const main = path.resolve(import.meta.dirname, '../../dist/main.js');
const READY_TIMEOUT_MS = 20_000;

/** The built server as a process of its own; see `ensureBuilt`. */
export type ServerChild = {
  pid: number;
  /** What it has written so far. */
  output(): string;
  /** Undefined while it runs. */
  ended(): { code: number | null; signal: NodeJS.Signals | null } | undefined;
  /** Ends it at once, as a crash does, or by the signal named; resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
};

const { PURGE_INTERVAL_SECONDS: _purgesAsShipped, ...shared } = testEnvironment;

/** What every test's server has, but as a process of its own it purges, and says what it does. */
export const childEnvironment = { ...shared, LOG_LEVEL: 'info' };

/**
 * Starts the server and waits until it listens. @throws Error with what it said, when it ends instead
 * @param options.command what runs it, for limits that only a shell can set; the default is Node alone
 */
export async function startServerChild(
  env: Record<string, string>,
  { command = (file) => [process.execPath, file] }: { command?: (file: string) => string[] } = {},
): Promise<ServerChild> {
  const [program = process.execPath, ...args] = command(main);
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH ?? '', ...childEnvironment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const gone = once(child, 'exit');
  const ended = () =>
    child.exitCode === null && child.signalCode === null ? undefined : { code: child.exitCode, signal: child.signalCode };
  const until = Date.now() + READY_TIMEOUT_MS;
  while (!output.includes('"msg":"ready"')) {
    if (ended() || Date.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`the server did not start:\n${output.slice(-4000)}`);
    }
    await Promise.race([delay(5), gone]);
  }
  return { pid: child.pid as number, output: () => output, ended, kill: (signal = 'SIGKILL') => end(child, gone, signal) };
}

async function end(child: ChildProcess, gone: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  await gone;
}
