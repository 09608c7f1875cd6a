import { z } from 'zod';
import { now } from '../../platform/clock.js';
import { invalidApiKey } from './errors.js';

export const MAX_NAME_CHARS = 100;
/** Whoever wants a key for longer leaves its end out. */
const MAX_LIFE_MS = 10 * 366 * 24 * 3600 * 1000;

const newKeySchema = z.object({
  name: z
    .string({ error: 'Give the key a name.' })
    .transform((value) => value.normalize('NFC').trim())
    .pipe(
      z
        .string()
        .min(1, 'Give the key a name.')
        .refine((value) => [...value].length <= MAX_NAME_CHARS, `A name has at most ${MAX_NAME_CHARS} characters.`)
        // Control characters, those that turn the direction of the text around a name, and halves of characters, which no database keeps.
        .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u, 'A name has no control characters.'),
    ),
  permissions: z
    .array(z.string(), { error: 'Choose what the key may do.' })
    .min(1, 'Choose what the key may do.')
    .max(100, 'These are too many permissions.')
    .transform((list) => [...new Set(list)].sort()),
  expiresAt: z
    .date({ error: 'This is not a date.' })
    .refine((date) => date.getTime() > now(), 'The key must end in the future.')
    .refine((date) => date.getTime() <= now() + MAX_LIFE_MS, 'A key ends within ten years, or never.')
    .optional(),
});

export type NewApiKeyInput = z.output<typeof newKeySchema>;

/** @throws AppError `api_keys.invalid_input` (422), one detail for each member that does not fit */
export function readNewApiKey(input: unknown): NewApiKeyInput {
  const result = newKeySchema.safeParse(input);
  if (result.success) return result.data;
  const details = result.error.issues.map(({ path, message }) => ({ path: String(path[0] ?? ''), message }));
  throw invalidApiKey(details.filter(({ path }, index) => details.findIndex((other) => other.path === path) === index));
}
