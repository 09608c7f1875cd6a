/** Owns: whether this process can serve. Does not own: what a load balancer does about it. */

export type HealthCheck = { name: string; check(): Promise<boolean> | boolean };

export type Health = {
  /** Each check by name; a check that throws or takes longer than `timeoutMs` has failed. */
  run(): Promise<{ ready: boolean; checks: Record<string, boolean> }>;
  /** From now on the process is not ready, so that no new requests are sent to it while it stops. */
  stopServing(): void;
};

export function createHealth({ checks, timeoutMs = 2000 }: { checks: readonly HealthCheck[]; timeoutMs?: number }): Health {
  let stopping = false;
  const limited = async (check: HealthCheck['check']) => {
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), timeoutMs);
      });
      return await Promise.race([Promise.resolve().then(check), late]);
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    async run() {
      const results = await Promise.all(checks.map(async ({ name, check }) => [name, await limited(check)] as const));
      return {
        ready: !stopping && results.every(([, healthy]) => healthy),
        checks: Object.fromEntries([...results, ['serving', !stopping]]),
      };
    },
    stopServing() {
      stopping = true;
    },
  };
}
