/** Owns: the English texts, gathered from one file a subject. Does not own: how a text is chosen and filled in (render/texts.ts). */
import { account } from './account.js';
import { errors } from './errors.js';
import { general } from './general.js';
import { interaction } from './interaction.js';
import { mail } from './mail.js';
import { problems } from './problems.js';

/** Every English sentence. Keys say where a sentence stands; other languages translate this object. */
export const english = { ...general, ...interaction, ...account, ...problems, ...errors, ...mail };
