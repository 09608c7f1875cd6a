import { z } from 'zod';

/** One member of a kind of authorization details: what a request may say there, and the words by which people are asked. */
export type DetailsMember = { label: string; optional: boolean } & (
  | { kind: 'text'; maxChars: number }
  | { kind: 'number'; min: number; max: number; integer: boolean }
  | { kind: 'boolean'; yes: string; no: string }
  | { kind: 'choice'; values: Readonly<Record<string, string>> }
  /** of texts, or of `values` with the words for each */
  | { kind: 'list'; values: Readonly<Record<string, string>> | null; maxChars: number; maxEntries: number }
  | { kind: 'object'; members: DetailsMembers }
);
export type DetailsMembers = Readonly<Record<string, DetailsMember>>;

/** A kind of authorization details (RFC 9396, section 2) that a resource server understands. */
export type AuthorizationDetailsType = { type: string; description: string; members: DetailsMembers };

const MAX_DEPTH = 3;
const MAX_MEMBERS = 30;
const MAX_VALUES = 50;
/** Members with a meaning and a form of their own (RFC 9396, section 2.2). */
const LISTS = new Set(['actions', 'datatypes', 'privileges']);
const RESERVED = new Set(['type', 'locations']);

const words = z.string().trim().min(1).max(200);
const values = z
  .record(z.string().min(1).max(128), words)
  .refine((each) => Object.keys(each).length > 0, 'must not be empty')
  .refine((each) => Object.keys(each).length <= MAX_VALUES, `must have at most ${MAX_VALUES} values`);
const common = { label: words, optional: z.boolean().default(false) };
const chars = z.int().min(1).max(500).default(100);
const memberName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, 'must be letters, digits, - and _');

const member: z.ZodType<DetailsMember> = z.lazy(() =>
  z.discriminatedUnion('kind', [
    z
      .strictObject({ ...common, kind: z.literal('text'), max_chars: chars })
      .transform(({ max_chars: maxChars, ...rest }) => ({ ...rest, maxChars })),
    z.strictObject({
      ...common,
      kind: z.literal('number'),
      min: z.number().default(Number.MIN_SAFE_INTEGER),
      max: z.number().default(Number.MAX_SAFE_INTEGER),
      integer: z.boolean().default(false),
    }),
    z.strictObject({ ...common, kind: z.literal('boolean'), yes: words, no: words }),
    z.strictObject({ ...common, kind: z.literal('choice'), values }),
    z
      .strictObject({
        ...common,
        kind: z.literal('list'),
        values: values.nullish(),
        max_chars: chars,
        max_entries: z.int().min(1).max(100).default(20),
      })
      .transform(({ values: known, max_chars: maxChars, max_entries: maxEntries, ...rest }) => ({
        ...rest,
        values: known ?? null,
        maxChars,
        maxEntries,
      })),
    z.strictObject({ ...common, kind: z.literal('object'), members }),
  ]),
);

const members: z.ZodType<DetailsMembers> = z.lazy(() =>
  z
    .record(memberName, member)
    .refine((each) => Object.keys(each).length > 0, 'must not be empty')
    .refine((each) => Object.keys(each).length <= MAX_MEMBERS, `must have at most ${MAX_MEMBERS} members`),
);

/** As an operator declares it. Without members the type says everything by its name. */
export const detailsType = z
  .strictObject({
    type: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be visible ASCII without spaces, quotes and backslashes'),
    description: words,
    members: members.optional(),
  })
  .superRefine(({ members: given = {} }, context) => {
    for (const [name, { kind }] of Object.entries(given)) {
      const fault = standardFault(name, kind);
      if (fault) context.addIssue({ code: 'custom', path: ['members', name], message: fault });
    }
    if (depthOf(given) > MAX_DEPTH)
      context.addIssue({ code: 'custom', path: ['members'], message: `must not be nested more than ${MAX_DEPTH} deep` });
  })
  .transform(({ type, description, members: given = {} }): AuthorizationDetailsType => ({ type, description, members: given }));

function standardFault(name: string, kind: DetailsMember['kind']): string | undefined {
  if (RESERVED.has(name)) return 'means the same for every type (RFC 9396, section 2.2); leave it out';
  if (LISTS.has(name) && kind !== 'list') return 'must be a list (RFC 9396, section 2.2)';
  return name === 'identifier' && kind !== 'text' && kind !== 'choice' ? 'must be a text or a choice (RFC 9396, section 2.2)' : undefined;
}

const depthOf = (given: DetailsMembers): number =>
  1 + Math.max(0, ...Object.values(given).map((each) => (each.kind === 'object' ? depthOf(each.members) : 0)));
