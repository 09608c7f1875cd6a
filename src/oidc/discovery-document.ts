import { afterwards } from './afterwards.js';
import type { ProviderExtension } from './provider.js';

export const isMetadata = ({ path }: { path: string }): boolean => path.startsWith('/.well-known/');

/** RFC 8414, section 3.2: what has no elements is left out of the metadata, and so is what the library says and we do not do. */
export const tidyMetadata: ProviderExtension = (provider) => {
  afterwards(provider, isMetadata, (ctx) => {
    if (typeof ctx.body !== 'object' || ctx.body === null) return;
    const members = ctx.body as Record<string, unknown>;
    for (const [name, value] of Object.entries(members))
      if (Array.isArray(value) && value.length === 0 && name !== 'keys') delete members[name];
    // The library says it whenever there is CIBA; people have no such code here, and absence says so (CIBA, section 4).
    delete members.backchannel_user_code_parameter_supported;
  });
};
