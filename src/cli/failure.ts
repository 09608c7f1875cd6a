/** Something a command cannot do, told to whoever typed it. `usage`: it was typed wrongly. */
export class CliError extends Error {
  /** What to do next. */
  readonly mend: string | undefined;
  readonly usage: boolean;
  constructor(message: string, { mend, usage = false, cause }: { mend?: string; usage?: boolean; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CliError';
    this.mend = mend;
    this.usage = usage;
  }
}

/** The exit code of what was typed wrongly. */
export const EXIT_USAGE = 2;
