/**
 * Owns: which request work belongs to, wherever it runs: its id, the trace of it that others follow (W3C Trace Context), and what else is known of
 * a part of the work. Does not own: what is done with it (logs, audit, outbound requests).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { drawText } from '../crypto/index.js';

export type TraceParent = { traceId: string; parentId: string; sampled: boolean };

export type RequestScope = {
  requestId: string;
  traceId: string;
  /** of this server's part in the trace */
  spanId: string;
  sampled: boolean;
};

/** What is known of the work that runs now. */
type Known = { readonly request: RequestScope | undefined; readonly [slot: symbol]: unknown };

// A place for values that each request brings itself; it holds nothing between them. The only one in this process, because on Node 20 each
// AsyncLocalStorage hears of each promise and leaves a member on it: whatever else follows the work is a slot in here.
const known = new AsyncLocalStorage<Known | undefined>();

/** Sampled is the one flag of version 00 that is read; whatever else is set is not passed on. */
const SAMPLED = 0x01;

/**
 * Reads a `traceparent` header as the recommendation says, section 3.2: lower case only, no zero ids, not version ff; of a version that is not
 * known yet the part that is. Anything else is as if there were none.
 */
export function parseTraceParent(header: string | string[] | undefined): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, traceId = '', parentId = '', flags = '', rest = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]{0,200})?$/.exec(header) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== '')) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** The scope of a request: the caller's trace goes on, or a new one begins. */
export function createRequestScope(requestId: string, header: string | string[] | undefined): RequestScope {
  const parent = parseTraceParent(header);
  return {
    requestId,
    traceId: parent?.traceId ?? drawText(16, 'hex'),
    spanId: drawText(8, 'hex'),
    sampled: parent?.sampled ?? false,
  };
}

/**
 * Runs work, and whatever it starts, in the scope of a request, and knowing nothing else; undefined: it is nobody's, whoever happens to start it.
 */
export const inRequestScope = <Result>(scope: RequestScope | undefined, work: () => Result): Result =>
  known.run(scope && { request: scope }, work);

/** The request that this work belongs to; undefined for work of nobody's. */
export const currentRequest = (): RequestScope | undefined => known.getStore()?.request;

/** A value that travels beside the arguments, in a part of the work. */
export type WorkSlot<Value> = {
  /** Runs work that has this value, and so has whatever it starts. What runs before, after or beside it has not. */
  run<Result>(value: Value, work: () => Result): Result;
  get(): Value | undefined;
};

export function createWorkSlot<Value>(): WorkSlot<Value> {
  const slot = Symbol('slot');
  return {
    run(value, work) {
      const outside = known.getStore();
      return known.run({ request: outside?.request, ...outside, [slot]: value }, work);
    },
    get: () => known.getStore()?.[slot] as Value | undefined,
  };
}

/** The `traceparent` that a request to somebody else carries, so that both are seen as one. Only the trace: never what vendors add (tracestate). */
export function outgoingTraceParent(): string | undefined {
  const scope = currentRequest();
  return scope && `00-${scope.traceId}-${scope.spanId}-${scope.sampled ? '01' : '00'}`;
}
