import { describe, expect, it } from 'vitest';
import { createRequestScope, inRequestScope, outgoingTraceParent, parseTraceParent } from '../../src/platform/trace/index.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

describe('traceparent (W3C Trace Context, 3.2)', () => {
  it('is read where it is right, and of a later version what is known of it', () => {
    expect(parseTraceParent(`00-${TRACE}-${PARENT}-01`)).toEqual({ traceId: TRACE, parentId: PARENT, sampled: true });
    expect(parseTraceParent(`00-${TRACE}-${PARENT}-02`)).toMatchObject({ sampled: false });
    expect(parseTraceParent(`cc-${TRACE}-${PARENT}-01-what-comes-later`)).toMatchObject({ traceId: TRACE });
  });

  it.each([
    undefined,
    '',
    `00-${TRACE}-${PARENT}`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01-more`,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
    ` 00-${TRACE}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01\n`,
    `cc-${TRACE}-${PARENT}-01${'-x'.repeat(500)}`,
    `00-${TRACE.slice(1)}-${PARENT}-01`,
  ])('is as if it were not there: %j', (header) => {
    expect(parseTraceParent(header)).toBeUndefined();
  });

  it('goes on with a span of our own, in what is started by the request and nowhere else', async () => {
    const scope = createRequestScope('id', `00-${TRACE}-${PARENT}-01`);
    expect(scope.spanId).not.toBe(PARENT);
    await inRequestScope(scope, async () => {
      await Promise.resolve();
      expect(outgoingTraceParent()).toBe(`00-${TRACE}-${scope.spanId}-01`);
    });
    expect(outgoingTraceParent()).toBeUndefined();
    expect(createRequestScope('id', undefined).traceId).not.toBe(createRequestScope('id', undefined).traceId);
  });
});
