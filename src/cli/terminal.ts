import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { CliError } from './failure.js';

/** Where a command reads and writes: data goes to standard output, everything else to standard error. */
export type Terminal = {
  out(text: string): void;
  err(text: string): void;
  /** Like `out`, and resolves when whoever reads has taken it: for output of any length. */
  write(text: string): Promise<void>;
  /** Somebody sits there who can be asked. */
  isInteractive: boolean;
  /** Asks for a line that is not shown while it is typed. */
  askHidden(question: string): Promise<string>;
  /** Asks for a line. */
  ask(question: string): Promise<string>;
  /** Standard input itself, for what is read as it comes. */
  input: Readable;
  /** Shows how far something is, in one line that the next call replaces and '' takes away. Nothing where standard error is no terminal. */
  progress(text: string): void;
  /** Hears of the first SIGINT (Ctrl+C) or SIGTERM instead of ending by it; a second one ends as ever. Answers how to stop hearing. */
  onInterrupt(listener: () => void): () => void;
  /** All of standard input. @throws CliError when it is larger than `maxBytes` */
  readAll(maxBytes: number): Promise<string>;
};

type Streams = { stdin: Readable & { isTTY?: boolean }; stdout: Writable; stderr: Writable & { isTTY?: boolean } };

export function createTerminal({ stdin, stdout, stderr }: Streams = process): Terminal {
  async function prompt(question: string, { hidden }: { hidden: boolean }): Promise<string> {
    // In terminal mode readline turns the terminal's own echo off and writes what is typed itself: here, to nowhere.
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const reader = createInterface({ input: stdin, output: hidden ? nowhere : stderr, terminal: true });
    const interrupted = new AbortController();
    reader.once('SIGINT', () => interrupted.abort());
    reader.once('close', () => interrupted.abort());
    if (hidden) stderr.write(question);
    try {
      return await reader.question(hidden ? '' : question, { signal: interrupted.signal });
    } catch (cause) {
      throw new CliError('Nothing was done: the question was not answered.', { cause });
    } finally {
      if (hidden) stderr.write('\n');
      reader.close();
    }
  }

  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    write: (text) =>
      new Promise((resolve, reject) => {
        stdout.write(text, (error) => (error ? reject(error) : resolve()));
      }),
    isInteractive: Boolean(stdin.isTTY),
    askHidden: (question) => prompt(question, { hidden: true }),
    ask: (question) => prompt(question, { hidden: false }),
    input: stdin,
    progress(text) {
      // Carriage return, the line, and whatever the line before had beyond it erased.
      if (stderr.isTTY) stderr.write(`\r${text}\u001b[K`);
    },
    onInterrupt(listener) {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      const stop = () => {
        for (const signal of signals) process.off(signal, heard);
      };
      const heard = () => {
        stop();
        listener();
      };
      for (const signal of signals) process.on(signal, heard);
      return stop;
    },
    async readAll(maxBytes) {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of stdin) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new CliError(`Standard input is longer than ${maxBytes} bytes.`);
        chunks.push(Buffer.from(chunk));
      }
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}
