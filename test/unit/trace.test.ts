import { describe, expect, it } from 'vitest';
import {
  createRequestScope,
  createWorkSlot,
  currentRequest,
  inRequestScope,
  outgoingTraceParent,
  parseTraceParent,
} from '../../src/platform/trace/index.js';

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

describe('a value of a part of the work', () => {
  const pause = () => new Promise((resolve) => setImmediate(resolve));
  const one = createWorkSlot<string>();
  const other = createWorkSlot<number>();
  const seen = () => [one.get(), other.get(), currentRequest()?.requestId];

  it('is seen in that part and in what it starts, beside the others, and nowhere else', async () => {
    await inRequestScope(createRequestScope('r1', undefined), async () => {
      let later: unknown;
      const part = one.run('a', async () => {
        setTimeout(() => (later = seen()), 5);
        await pause();
        await other.run(1, async () => {
          await pause();
          expect(seen()).toEqual(['a', 1, 'r1']);
          await one.run('b', pause);
          expect(one.run('b', seen)).toEqual(['b', 1, 'r1']);
          expect(seen()).toEqual(['a', 1, 'r1']);
        });
        expect(seen()).toEqual(['a', undefined, 'r1']);
      });
      expect(seen()).toEqual([undefined, undefined, 'r1']);
      await part;
      await expect.poll(() => later).toEqual(['a', undefined, 'r1']);
      expect(seen()).toEqual([undefined, undefined, 'r1']);
    });
    expect(one.run('without a request', seen)).toEqual(['without a request', undefined, undefined]);
    expect(seen()).toEqual([undefined, undefined, undefined]);
  });

  it('is never that of a part that runs at the same moment, nor left behind by one that failed', async () => {
    const parts = Array.from({ length: 20 }, async (_, i) => {
      const run = () =>
        one.run(`part ${i}`, async () => {
          for (let turn = 0; turn < 5; turn++) {
            await pause();
            expect(seen()).toEqual([`part ${i}`, undefined, `r${i}`]);
          }
          throw new Error(`${i}`);
        });
      await expect(inRequestScope(createRequestScope(`r${i}`, undefined), run)).rejects.toThrow(`${i}`);
    });
    await Promise.all(parts);
    expect(seen()).toEqual([undefined, undefined, undefined]);
  });

  it('does not follow into the scope of another request, or of none', () => {
    const scope = createRequestScope('r2', undefined);
    expect(one.run('a', () => inRequestScope(scope, seen))).toEqual([undefined, undefined, 'r2']);
    expect(inRequestScope(scope, () => one.run('a', () => inRequestScope(undefined, seen)))).toEqual([undefined, undefined, undefined]);
  });
});
