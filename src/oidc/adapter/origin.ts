import { toColumn } from './payloads.js';

/** Where a request comes from, as the library's own context or our API tells it. */
export type RequestOrigin = { ip?: string | undefined; userAgent?: string | undefined };

const MAX_IP_LENGTH = 64;
const MAX_USER_AGENT_LENGTH = 255;

/** The columns in which a sign-in keeps where it came from, for its owner's list. */
export const originColumns = (origin: RequestOrigin | undefined) => ({
  ip: toColumn(origin?.ip?.slice(0, MAX_IP_LENGTH)),
  userAgent: toColumn(origin?.userAgent?.slice(0, MAX_USER_AGENT_LENGTH)),
});
