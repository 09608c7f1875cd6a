/** One thing that was looked at. `warning`: it works, and will not always. `skipped`: it could not be looked at. */
export type Finding = {
  check: string;
  status: 'ok' | 'warning' | 'failure' | 'skipped';
  message: string;
  /** What to do about it. */
  mend?: string;
};

export const ok = (check: string, message: string): Finding => ({ check, status: 'ok', message });
export const warning = (check: string, message: string, mend: string): Finding => ({ check, status: 'warning', message, mend });
export const failure = (check: string, message: string, mend: string): Finding => ({ check, status: 'failure', message, mend });
export const skipped = (check: string, message: string): Finding => ({ check, status: 'skipped', message });
