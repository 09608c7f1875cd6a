/** What several pages are given alike: forms and what was wrong with them, people, scopes. */

/** One thing that went wrong with a form. The sentence comes from the catalogue by `code`; `text` replaces it, `message` serves codes it does not know. */
export type FormError = {
  /** stable code, `feature.reason` */
  code: string;
  /** wire name of the field the summary links to */
  field?: string | undefined;
  /** values for the sentence's placeholders (`minutes`, `seconds` ...) */
  values?: Record<string, string | number> | undefined;
  text?: string | undefined;
  message?: string | undefined;
};

/** A form states where it posts, what travels along unseen, and what was wrong the last time. */
export type FormModel = {
  action: string;
  hidden?: Record<string, string> | undefined;
  errors?: readonly FormError[] | undefined;
};

/** A form that is only a button. */
export type ActionModel = { action: string; hidden?: Record<string, string> | undefined };

/** A person as pages name them. */
export type Person = { name?: string | undefined; email: string };

/** How good a password was, as the server judged it (zxcvbn's 0 to 4). */
export type PasswordStrength = { score: 0 | 1 | 2 | 3 | 4; warning?: string | undefined; suggestions?: readonly string[] | undefined };

/** A form in which a new password is chosen. `strengthUrl`: where a POST of `{password, inputs}` answers a PasswordStrength. */
export type NewPasswordModel = FormModel & {
  minLength: number;
  strength?: PasswordStrength | undefined;
  strengthUrl?: string | undefined;
};

/** One thing that is asked for in detail (RFC 9396), in the words of its resource server; values are whatever the application sent. */
export type DetailsView = { resource: string; description: string; facts: readonly { label: string; values: readonly string[] }[] };

export type ResourceScopes = {
  name: string;
  /** the resource's identifier (its audience) */
  identifier?: string | undefined;
  scopes: readonly { name: string; description?: string | undefined }[];
};
