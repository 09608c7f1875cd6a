import requests from 'oidc-provider/lib/helpers/als.js';
import { createWorkSlot } from '../platform/trace/index.js';

/**
 * The library keeps the request it answers (`Provider.ctx`) in an AsyncLocalStorage of its own. A second one costs every promise of a request
 * on Node 20, so the library's uses ours. Once for a process, as the library's is.
 */
const contexts = createWorkSlot<unknown>();

Object.assign(requests, { run: contexts.run, getStore: contexts.get } satisfies typeof requests);
