import { domainToASCII } from 'node:url';
import { z } from 'zod';
import { invalidInput } from './errors.js';

/** UUIDs, and what subjects of other systems look like (`auth0|5f...`, numbers); no @, so that an id is never taken for an address. */
const ACCOUNT_ID = /^[A-Za-z0-9][\w.:|-]{0,63}$/;
/** What stands in the place of an id in addresses of our own (`/api/users/statistics`): nobody could be reached by it. */
const TAKEN_BY_ADDRESSES = new Set(['statistics']);

/** What an account's id can be, an imported one too: everything else names nobody, and some of it no database takes. */
export const isAccountId = (id: string): boolean => ACCOUNT_ID.test(id) && !TAKEN_BY_ADDRESSES.has(id);

/** The same rule, for people. */
export const ACCOUNT_ID_RULE =
  'It has 1 to 64 letters, digits and . _ : | - and begins with a letter or digit; it is no word that our own addresses use (statistics).';

const MAX_EMAIL_CHARS = 254;
const MAX_USERNAME_CHARS = 32;
const MAX_NAME_CHARS = 100;
const MAX_FULL_NAME_CHARS = 200;

/** Case-folds an address and writes its domain in ASCII (IDNA), so that one mailbox has one spelling. Judges nothing. */
export function foldEmail(email: string): string {
  const trimmed = email.trim();
  const at = trimmed.lastIndexOf('@');
  if (at < 1 || trimmed.length > MAX_EMAIL_CHARS) return foldAscii(trimmed);
  const domain = trimmed.slice(at + 1);
  // domainToASCII reads hosts as URLs do (1.1 is an address to it), so it is asked only about what is not ASCII already.
  const ascii = /[^\0-\x7f]/.test(domain) ? domainToASCII(domain) : domain;
  return foldAscii(`${trimmed.slice(0, at)}@${ascii}`);
}

/** Only A to Z: other letters may fold into ASCII ones (the Kelvin sign into k) and so into a stranger's address. */
const foldAscii = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** The form of a username that must be unique: compatibility variants (full-width letters, ligatures) and case do not count. */
export function foldUsername(username: string): string {
  return username.trim().normalize('NFKC').toLowerCase().normalize('NFKC');
}

/** An e-mail address as browsers take it (WHATWG), ASCII, at most 254 characters. Mail goes to what is stored, never to what was typed. */
export const emailSchema = z
  .string({ error: 'Enter an email address.' })
  .transform(foldEmail)
  .pipe(
    z
      .string()
      .max(MAX_EMAIL_CHARS, 'This address is too long.')
      .regex(z.regexes.html5Email, 'Enter an email address, like name@example.com.'),
  );

// Letters of these scripts look alike; a name of one of them cannot pass for a name of another.
const confusableScripts = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];

/** Letters and digits of any script, with . _ - between them. No @, so that a username is never taken for an address. */
export const usernameSchema = z
  .string()
  .transform((value) => value.trim().normalize('NFC'))
  .pipe(
    z
      .string()
      .refine((value) => [...value].length >= 2 && [...value].length <= MAX_USERNAME_CHARS, 'A username has 2 to 32 characters.')
      .regex(
        /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]*$/u,
        'A username has letters, digits, dots, hyphens and underscores, and begins with a letter or digit.',
      )
      .refine(
        (value) => confusableScripts.filter((script) => script.test(value)).length <= 1,
        'A username does not mix scripts whose letters look alike.',
      ),
  );

const nameSchema = (maxChars: number) =>
  z
    .string()
    .transform((value) => value.normalize('NFC').trim())
    .pipe(
      z
        .string()
        .refine((value) => [...value].length <= maxChars, `A name has at most ${maxChars} characters.`)
        // Control characters, and those that turn the direction of the text around a name.
        .regex(/^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u, 'A name has no control characters.'),
    )
    .transform((value) => (value === '' ? null : value));

const optionalUsername = z
  .union([
    z
      .string()
      .refine((value) => value.trim() === '')
      .transform(() => null),
    z.null(),
    usernameSchema,
  ])
  .optional();

/** What a person says about themselves. Absent: unchanged; null or empty: none. */
export const profileSchema = z.object({
  username: optionalUsername,
  firstName: nameSchema(MAX_NAME_CHARS).nullable().optional(),
  lastName: nameSchema(MAX_NAME_CHARS).nullable().optional(),
  fullName: nameSchema(MAX_FULL_NAME_CHARS).nullable().optional(),
});

export type ProfileInput = z.input<typeof profileSchema>;
export type Profile = z.output<typeof profileSchema>;

/** A profile and the address it belongs to. */
export const newAccountSchema = z.object({ email: emailSchema }).extend(profileSchema.shape);

/** Reads input by a schema. @throws AppError `accounts.invalid_input` (422) with one detail for each member that does not fit */
export function readInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const details = result.error.issues.map(issueDetail);
  const firstOfEach = details.filter(({ path }, index) => details.findIndex((other) => other.path === path) === index);
  throw invalidInput(firstOfEach);
}

function issueDetail(issue: z.core.$ZodIssue): { path: string; message: string } {
  // Of a union only the last member (the one with rules) has something to say to a person.
  const nested = issue.code === 'invalid_union' ? issue.errors.at(-1) : undefined;
  return { path: issue.path.join('.'), message: nested?.[0]?.message ?? issue.message };
}
