import { z } from 'zod';
import { type Account, accountData } from '../identity/index.js';

/** An account as the JSON API tells it. */
export const userSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    username: z.string().nullable(),
    first_name: z.string().nullable(),
    last_name: z.string().nullable(),
    full_name: z.string().nullable(),
    role: z.string().nullable().meta({ description: 'The highest of `roles`: admin, then manager, then user.' }),
    roles: z.array(z.string()),
    is_active: z.boolean(),
    is_verified: z.boolean().meta({ description: 'Whether the address is confirmed.' }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'User' });

export type User = z.output<typeof userSchema>;

export const toUser: (account: Account) => User = accountData;
