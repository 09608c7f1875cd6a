import type { Comparison, Explanation } from '../../platform/explanations/index.js';
import { pkceAtAuthorization, prompt, redirectUri, resource, responseType, scope } from './authorization-checks.js';
import type { Check } from './facts.js';
import { plainText, without } from './redaction.js';
import type { ReadFacts } from './request.js';
import { assertion, clientAuthentication, codeState, grantType, pkceVerifier, requestObject } from './token-checks.js';

/** Everything that is known to be compared. A refusal that none of them knows is explained by the library's own words. */
const CHECKS: readonly Check[] = [
  ...[redirectUri, prompt, scope, resource, responseType, pkceAtAuthorization],
  ...[pkceVerifier, codeState, clientAuthentication, assertion, requestObject, grantType],
];

/** What is told of a refusal. Whatever the checks say, no secret of the request is in it. */
export function buildExplanation(facts: ReadFacts): Explanation {
  const said = CHECKS.flatMap((check) => check(facts) ?? []);
  const clean = (text: string) => without(facts.secrets, text);
  const compare = ({ what, expected, received }: Comparison) => ({ what, expected: clean(expected), received: clean(received) });
  const { error, description, reason, route, client } = facts;
  return {
    where: plainText(route),
    error: plainText(error),
    description: description === '' ? null : clean(plainText(description)),
    reason: reason === '' || reason === description ? null : clean(plainText(reason)),
    clientId: client?.clientId ?? null,
    comparisons: said.flatMap(({ comparisons = [] }) => comparisons).map(compare),
    hints: said.flatMap(({ hints = [] }) => hints).map(clean),
  };
}
