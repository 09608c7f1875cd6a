import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inject } from 'light-my-request';
import type Provider from 'oidc-provider';
import { pathOf } from '../platform/http/index.js';
import { DISCOVERY_PATHS, routes } from './configuration.js';
import type { ProviderHolder } from './provider.js';

export type JwksDocument = { body: string; etag: string; maxAgeSeconds: number };

type Document = { body: string; bytes: number; etag: string; type: string; cacheControl: string | undefined };

export type PublicDocuments = {
  /** Answers a request for a document; false for every other request. @param otherwise answers it where the document cannot be told just now */
  answer(request: IncomingMessage, response: ServerResponse, otherwise: () => void): boolean;
};

/**
 * The metadata and the public keys: what services ask for over and over, prepared once for each provider and each set of keys, with an ETag, and
 * readable from any origin, as single-page applications discover and verify themselves. The library writes the metadata: it is asked once.
 */
export function createPublicDocuments({
  issuerUrl,
  holder,
  jwksDocument,
}: {
  issuerUrl: string;
  holder: Pick<ProviderHolder, 'current' | 'handle'>;
  jwksDocument(): JwksDocument;
}): PublicDocuments {
  const { protocol, host } = new URL(issuerUrl);
  const asked = new WeakMap<Provider, Map<string, Promise<Document | undefined>>>();

  function discovery(path: string): Promise<Document | undefined> {
    const known = asked.get(holder.current) ?? new Map<string, Promise<Document | undefined>>();
    asked.set(holder.current, known);
    const document = known.get(path) ?? ask(path);
    known.set(path, document);
    // What could not be told just now is asked for again.
    void document.then((told) => told ?? known.delete(path));
    return document;
  }

  async function ask(path: string): Promise<Document | undefined> {
    const headers = { host, 'x-forwarded-proto': protocol.slice(0, -1), 'x-forwarded-host': host, accept: 'application/json' };
    const answer = await inject((request, response) => void holder.handle(request, response), { method: 'GET', url: path, headers });
    if (answer.statusCode !== 200) return undefined;
    const etag = `"${createHash('sha256').update(answer.body).digest('base64url')}"`;
    return prepare({ body: answer.body, etag, type: 'application/json; charset=utf-8', cacheControl: undefined });
  }

  let lastKeys: Document | undefined;
  function keys(): Document {
    const { body, etag, maxAgeSeconds } = jwksDocument();
    if (lastKeys?.etag !== etag)
      lastKeys = prepare({ body, etag, type: 'application/jwk-set+json; charset=utf-8', cacheControl: `public, max-age=${maxAgeSeconds}` });
    return lastKeys;
  }

  return {
    answer(request, response, otherwise) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      const path = pathOf(request);
      if (path === routes.jwks) send(request, response, keys());
      else if (DISCOVERY_PATHS.includes(path)) {
        void discovery(path).then((document) => (document ? send(request, response, document) : otherwise()), otherwise);
      } else return false;
      return true;
    },
  };
}

const prepare = (document: Omit<Document, 'bytes'>): Document => ({ ...document, bytes: Buffer.byteLength(document.body) });

function send(request: IncomingMessage, response: ServerResponse, { body, bytes, etag, type, cacheControl }: Document): void {
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('ETag', etag);
  if (cacheControl !== undefined) response.setHeader('Cache-Control', cacheControl);
  // Whoever names the ETag has the document: fetch() sends `Cache-Control: no-cache` along with If-None-Match, which says nothing against it.
  if (holds(request.headers['if-none-match'] ?? '', etag)) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', bytes);
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Whether an If-None-Match header names the ETag (RFC 9110, 13.1.2: compared weakly). */
const holds = (header: string, etag: string) =>
  header !== '' && header.split(',').some((entry) => [etag, '*'].includes(entry.trim().replace(/^W\//, '')));
