/**
 * Turns typed models into the HTML and mails people see: templates, the text catalogue, brand colours and the assets they need.
 * Owns every sentence on a page. Does not own routes, headers, cookies, or what a page decides.
 */
export type { Asset } from './assets.js';
export { contrast } from './color.js';
export type { AskingClient, Brand, PageContext } from './context.js';
export type { Mails, RenderedMail } from './mails.js';
export { toFormErrors } from './problems.js';
export { createRenderer, type Renderer, type RendererDeps } from './renderer.js';
export { type Catalogue, createTexts, type Text, type TextKey, type Texts } from './texts.js';
export { type Device, describeUserAgent } from './user-agent.js';
export type * from './views.js';
