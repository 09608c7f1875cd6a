import type { z } from 'zod';

/**
 * One setting: how it is named in the environment, what it means, and how its text becomes a value. `fallback` is text as well, so that
 * the documented default and the one that runs cannot differ.
 */
export type Setting<T> = {
  name: string;
  /** In which table of the documentation it stands. */
  group: SettingGroup;
  meaning: string;
  schema: z.ZodType<T, string>;
  /** The default as text; undefined: none. */
  fallback?: string;
  /** What the documentation shows where the default depends on something. */
  fallbackNote?: string;
  /** Also read from the file that NAME_FILE names; never printed. */
  secret?: boolean;
};

export type SettingGroup =
  | 'Server'
  | 'Secrets'
  | 'Mail'
  | 'Clients'
  | 'API'
  | 'Pages'
  | 'Passwords and limits'
  | 'Lifetimes'
  | 'Keys and housekeeping'
  | 'Logs';

export const setting = <T>(definition: Setting<T>): Setting<T> => definition;
