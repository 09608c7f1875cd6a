import type { ProviderExtension } from './provider.js';

/** RFC 8414, section 3.2: what has no elements is left out of the metadata. */
export const leaveOutEmptyLists: ProviderExtension = (provider) => {
  provider.use(async (ctx, next) => {
    await next();
    if (!ctx.path.startsWith('/.well-known/') || typeof ctx.body !== 'object' || ctx.body === null) return;
    const members = ctx.body as Record<string, unknown>;
    for (const [name, value] of Object.entries(members))
      if (Array.isArray(value) && value.length === 0 && name !== 'keys') delete members[name];
  });
};
