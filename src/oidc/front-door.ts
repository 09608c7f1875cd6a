import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Hardening, pathOf } from '../platform/http/index.js';
import { isProgramPath } from './configuration.js';
import type { PublicDocuments } from './documents.js';
import type { MountedProvider } from './mount.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Who answers a request that was let in: the prepared documents, oidc-provider by itself, or our pages, which answer for it where it fails. What is
 * no endpoint of programs is made ready for a browser first.
 * @param deps.failed hears of an error of the provider's before our pages are asked
 */
export function createFrontDoor({
  harden,
  documents,
  provider,
  pages,
  failed,
}: {
  harden: Pick<Hardening, 'page'>;
  documents: PublicDocuments;
  provider: Pick<MountedProvider, 'answersAlone' | 'handle'>;
  pages: Handler;
  failed(response: ServerResponse, error: unknown): void;
}): Handler {
  return (request, response) => {
    const forProgram = isProgramPath(pathOf(request));
    const ours = () => {
      harden.page(response);
      pages(request, response);
    };
    const theirs = () => {
      if (!forProgram) harden.page(response);
      provider.handle(request, response).catch((error: unknown) => {
        failed(response, error);
        ours();
      });
    };
    if (documents.answer(request, response, theirs)) return;
    // What the library answers alone needs nothing of what stands around our pages, but where it fails.
    if (provider.answersAlone(request)) theirs();
    else ours();
  };
}
