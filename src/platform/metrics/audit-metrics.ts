import type { AuditEvent } from '../audit/index.js';
import type { Metrics } from './metrics.js';

/** What a sign-in can fail for; whatever else comes to be a reason is "other" until it stands here. */
const REASONS = new Set(['wrong_password', 'unknown_account', 'login.disabled', 'login.unverified', 'login.interaction_required']);

/** Counts sign-ins where they are recorded: whoever records one more way to sign in has counted it. */
export const countSignIns =
  (metrics: Pick<Metrics, 'loginFinished'>) =>
  ({ type, detail }: AuditEvent): void => {
    if (type === 'login.succeeded') metrics.loginFinished(undefined);
    if (type !== 'login.failed' && type !== 'login.refused') return;
    const reason = String(detail?.reason);
    metrics.loginFinished(REASONS.has(reason) ? reason.replace('login.', '') : 'other');
  };
