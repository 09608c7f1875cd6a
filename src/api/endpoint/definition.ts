import type { z } from 'zod';
import type { Account, Permission } from '../../identity/index.js';

/**
 * How a caller shows who they are. `none`: credentials are not looked at; `optional`: a bad one counts as none; `bearer`: an access token of a
 * sign-in; `bearer_or_api_key`: an API key as well.
 */
export type AuthMode = 'none' | 'optional' | 'bearer' | 'bearer_or_api_key';

/** Who calls, read from the database at this very call. */
export type Caller = {
  account: Account;
  /** the sign-in that the access token belongs to; null with an API key */
  sessionId: string | null;
  via: 'token' | 'api_key';
  /** of the account's roles now; with an API key only those of them that the key has */
  permissions: ReadonlySet<Permission>;
  /** when the access token or the API key ends; null: never */
  expiresAt: Date | null;
};
export type TokenCaller = Caller & {
  via: 'token';
  sessionId: string;
  expiresAt: Date;
  /** Looks again, after `account` was read: if its sign-in stands still, everything was ended before that reading or not at all. */
  isStillSignedIn(): Promise<boolean>;
};

type CallerOf<Auth extends AuthMode> = Auth extends 'none'
  ? undefined
  : Auth extends 'optional'
    ? Caller | undefined
    : Auth extends 'bearer'
      ? TokenCaller
      : Caller;
type Read<Schema extends z.ZodType | undefined> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** What a handler may know of the request beside its input. */
export type RequestFacts = {
  ip: string;
  userAgent: string | undefined;
  /** what an earlier sign-in left on this device */
  deviceToken: string | undefined;
};

export type Handled<Auth extends AuthMode, Params, Query, Body> = {
  caller: CallerOf<Auth>;
  params: Params;
  query: Query;
  body: Body;
  request: RequestFacts;
};

export type Answer = {
  status: number;
  /** read by the schema of this status: what it does not name is not sent */
  body?: unknown;
  headers?: Record<string, string>;
  /** for the device to keep (a cookie, and the header `X-Device-Token`), see the login service */
  deviceToken?: string;
};

/** One documented answer: a body of ours by its schema, nothing, or (`problem`) problem details. */
export type AnswerDefinition = { description: string; schema?: z.ZodType; problem?: true };

export type Endpoint = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** as OpenAPI writes it: `/auth/sessions/{id}` */
  path: `/${string}`;
  operationId: string;
  summary: string;
  description?: string | undefined;
  tags: readonly string[];
  auth: AuthMode;
  /** without it: 403 */
  permission?: Permission | undefined;
  /** an object of strings; what does not fit is a 404 */
  params?: z.ZodObject | undefined;
  /** an object of strings; what does not fit is a 422 */
  query?: z.ZodObject | undefined;
  /** may be left out by the caller if the schema takes undefined */
  body?: z.ZodType | undefined;
  /** by status. What any endpoint may say (400, 413, 415, 429, 500, 503) and what follows from `auth`, `permission`, `params` and inputs is added. */
  answers: Readonly<Record<number, AnswerDefinition>>;
  /** how the members are written, also in `errors` where a service has other names for them; default snake_case */
  memberNames?: 'snake_case' | 'camelCase' | undefined;
  /** names of the service's members that are called otherwise here */
  errorPaths?: Readonly<Record<string, string>> | undefined;
  handle(request: Handled<AuthMode, unknown, unknown, unknown>): Promise<Answer>;
};

type Definition<
  Auth extends AuthMode,
  Params extends z.ZodObject | undefined,
  Query extends z.ZodObject | undefined,
  Body extends z.ZodType | undefined,
> = Omit<Endpoint, 'auth' | 'params' | 'query' | 'body' | 'handle'> & {
  auth: Auth;
  params?: Params;
  query?: Query;
  body?: Body;
  handle(request: Handled<Auth, Read<Params>, Read<Query>, Read<Body>>): Promise<Answer>;
};

/** A JSON endpoint as data: the router and the OpenAPI document are both made from it. `handle` is called with checked input only. */
export function endpoint<
  const Auth extends AuthMode,
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(definition: Definition<Auth, Params, Query, Body>): Endpoint {
  const { answers, auth, permission, params, query, body } = definition;
  const implied: Record<number, AnswerDefinition> = {};
  if (auth === 'bearer' || auth === 'bearer_or_api_key') implied[401] = problem('No credentials, or none that are good now.');
  if (auth === 'bearer') implied[403] = problem('An API key was sent: this call needs an access token.');
  if (permission) implied[403] = problem(`The permission \`${permission}\` is missing.`);
  if (params) implied[404] = problem('There is none.');
  if (query || body) implied[422] = problem('Members that do not fit, each named in `errors`.');
  // The types hold at run time because the router reads each part by the same definition.
  return { ...definition, answers: { ...implied, ...answers } } as unknown as Endpoint;
}

export const json = (description: string, schema: z.ZodType): AnswerDefinition => ({ description, schema });
export const empty = (description: string): AnswerDefinition => ({ description });
export const problem = (description: string): AnswerDefinition => ({ description, problem: true });
