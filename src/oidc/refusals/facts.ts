import type { Comparison } from '../../platform/explanations/index.js';

/** A code or token that a request named, as it was found. */
export type FoundSource = {
  kind: string;
  redirectUri?: string | undefined;
  codeChallenge?: string | undefined;
  codeChallengeMethod?: string | undefined;
  /** seconds since the epoch */
  exp?: number | undefined;
  consumed?: unknown;
  clientId?: string | undefined;
  scope?: string | undefined;
};

/** What the asking client is registered with. */
export type RegisteredClient = {
  clientId: string;
  redirectUris: readonly string[];
  postLogoutRedirectUris: readonly string[];
  grantTypes: readonly string[];
  responseTypes: readonly string[];
  authMethod: string;
  /** undefined: every scope there is */
  scope: string | undefined;
  assertionAlg: string | undefined;
  requestObjectAlg: string | undefined;
};

/** All that an explanation is made from. */
export type RefusalFacts = {
  error: string;
  description: string;
  /** the library's own words, which it tells nobody */
  reason: string;
  /** the library's name of the route */
  route: string;
  params: Readonly<Record<string, unknown>>;
  client: RegisteredClient | undefined;
  /** the mechanism a request used to authenticate its client */
  authentication: string;
  /** the client_id that was sent, wherever */
  sentClientId: string | undefined;
  source: FoundSource | undefined;
  /** somebody is signed in in this browser */
  signedIn: boolean;
  hasSessionCookie: boolean;
  issuer: string;
  acceptedAudiences: readonly string[];
  resources: readonly string[];
  scopes: readonly string[];
  now: Date;
};

/** Says what it has to say about a refusal; nothing where it is about something else. */
export type Check = (facts: RefusalFacts) => { comparisons?: Comparison[]; hints?: string[] } | undefined;

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
export const list = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.join(', '));
export const time = (seconds: unknown): string =>
  typeof seconds === 'number' && Math.abs(seconds) < 8e12 ? new Date(seconds * 1000).toISOString() : 'no time';
