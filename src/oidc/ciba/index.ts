/**
 * Owns: sign-in that an application begins by itself, on a device of the person's (OpenID Connect CIBA 1.0, poll and ping): who may ask whom and how
 * often, the interface by which the person is reached, the one answer to each question, and telling the application that there is one.
 * Does not own: the page (pages/ciba), requests at rest (adapter), how often an application may poll (polling.ts), the tokens (oidc-provider).
 */
import type { Links } from '../../identity/index.js';
import type { RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import type { Outbound } from '../../platform/outbound/index.js';
import type { Outbox } from '../../platform/outbox/index.js';
import type { BackchannelRequests } from '../adapter/index.js';
import type { ProviderHolder } from '../provider.js';
import type { RequestContexts } from '../request-context.js';
import type { ResourceServerInfo } from '../resource-access.js';
import { type AuthenticationDevice, createMailDevice } from './device.js';
import { buildCibaFeature, type CibaFeature, type CibaFeatureDeps } from './feature.js';
import { createCibaLimits } from './limits.js';
import { createCibaNotices } from './notices.js';
import { createQuestions, type Questions } from './questions.js';

export type { AuthenticationDevice, DeviceQuestion } from './device.js';
export { type CibaFeature, isBackchannelRequest, nobody } from './feature.js';
export type { Answer, Opened, Question, QuestionFault, Questions } from './questions.js';

export type Ciba = {
  /** what the library is configured with */
  feature: CibaFeature;
  /** From now on this process takes answers, and tells applications that there is one. */
  questions(means: { holder: Pick<ProviderHolder, 'current'>; outbound: Pick<Outbound, 'fetch'> }): Questions;
};

export type CibaDeps = Pick<CibaFeatureDeps, 'accounts' | 'audit' | 'metrics'> & {
  backchannelRequests: BackchannelRequests;
  requests: Pick<RequestContexts, 'restingOn'>;
  outbox: Pick<Outbox, 'statement' | 'wake' | 'deliverBy'>;
  limits: Pick<RateLimiter, 'consume'>;
  mailer: Pick<Mailer, 'send'>;
  links: Pick<Links, 'approve' | 'forgot'>;
  findResourceServer(identifier: string): ResourceServerInfo | undefined;
  requestsPerMinute: number;
  /** how people are reached; default: a mail with a link */
  device?: AuthenticationDevice;
};

export function createCiba(deps: CibaDeps): Ciba {
  const { backchannelRequests: requests, device = createMailDevice(deps) } = deps;
  return {
    feature: buildCibaFeature({ ...deps, requests, device, limits: createCibaLimits(deps) }),
    questions: ({ holder, outbound }) =>
      createQuestions({
        holder,
        requests,
        contexts: deps.requests,
        notices: createCibaNotices({ outbox: deps.outbox, outbound, holder }),
        findResource: deps.findResourceServer,
      }),
  };
}
