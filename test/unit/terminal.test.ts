import { PassThrough, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/index.js';
import { createTerminal } from '../../src/cli/terminal.js';

/** A terminal on which somebody types. Streams of memory have no echo of their own, so what is seen is what the command writes. */
function createTyped() {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const seen: string[] = [];
  for (const stream of [stdout, stderr]) stream.setEncoding('utf8').on('data', (text: string) => seen.push(text));
  const waitFor = async (text: string) => {
    while (!seen.join('').includes(text)) await delay(5);
  };
  return {
    terminal: createTerminal({ stdin, stdout, stderr }),
    seen: () => seen.join(''),
    async type(prompt: string, text: string) {
      await waitFor(prompt);
      stdin.write(text);
    },
    hangUp: () => stdin.end(),
  };
}

describe('at a terminal', () => {
  it('a hidden answer is taken whole and never shown', async () => {
    const typed = createTyped();
    const answer = typed.terminal.askHidden('Password: ');
    await typed.type('Password: ', 'correct horse é 42\r');
    expect(await answer).toBe('correct horse é 42');
    expect(typed.seen()).toBe('Password: \n');
  });

  it('a question that nobody answers, or that is interrupted, is an error and no answer', async () => {
    const left = createTyped();
    const answer = left.terminal.askHidden('Password: ');
    left.hangUp();
    await expect(answer).rejects.toThrow('the question was not answered');
    const interrupted = createTyped();
    const other = interrupted.terminal.ask('Sure? ');
    await interrupted.type('Sure? ', '\u0003');
    await expect(other).rejects.toThrow('the question was not answered');
  });

  it('a new password is typed twice, and two that differ make no account', async () => {
    const typed = createTyped();
    // Nothing of the installation is touched before the password is there, so faulty settings do not matter here.
    const done = runCli(['user', 'create', '--email', 'ann@example.com'], { terminal: typed.terminal, environment: { PORT: 'nonsense' } });
    await typed.type('Password: ', 'one long passphrase\r');
    await typed.type('Password, again: ', 'another passphrase\r');
    expect(await done).toBe(1);
    expect(typed.seen()).toContain('Error: The two do not agree. Nothing was done.');
    expect(typed.seen()).not.toMatch(/passphrase/);
  });
});

describe('standard input', () => {
  it('is read to its end, but not without end', async () => {
    const sink = new PassThrough();
    const terminalOf = (text: string) => createTerminal({ stdin: Readable.from([Buffer.from(text)]), stdout: sink, stderr: sink });
    expect(await terminalOf('secret\n').readAll(10)).toBe('secret\n');
    await expect(terminalOf('x'.repeat(11)).readAll(10)).rejects.toThrow('longer than 10 bytes');
    expect(terminalOf('').isInteractive).toBe(false);
  });
});
