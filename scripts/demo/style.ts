/** The one stylesheet, and the mark of the shop. Kept as text so that the built demo is code only. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f5; --card: #fff; --text: #1a2320; --muted: #56625d; --line: #d8dfdb;
  --brand: #0b6b4f; --on-brand: #fff; --good: #0b6b4f; --bad: #a8231b; --code: #f0f3f1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111614; --card: #1a211e; --text: #e6ece9; --muted: #a2b0aa; --line: #323d38;
    --brand: #66d1ab; --on-brand: #06261b; --good: #66d1ab; --bad: #ff9d94; --code: #131917;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center;
  background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere;
}
header { padding: 2rem 1rem 1rem; }
.brand {
  display: inline-flex; align-items: center; gap: .6rem; min-height: 44px;
  color: inherit; font-size: 1.15rem; font-weight: 650; text-decoration: none;
}
main { width: 100%; max-width: 27rem; padding: .5rem 1rem 2rem; flex: 1; }
main.wide { max-width: 48rem; }
footer { padding: 1rem; color: var(--muted); font-size: .875rem; text-align: center; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
h2 { margin: 0 0 .35rem; font-size: 1.15rem; line-height: 1.3; }
h3 { margin: 1.25rem 0 .25rem; font-size: 1rem; }
p { margin: 0 0 1rem; }
.lead, .card > p, .quiet { color: var(--muted); }
.lead strong, .card > p strong { color: var(--text); }
.small { font-size: .875rem; }
.card {
  margin: 0 0 1rem; padding: 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; box-shadow: 0 1px 2px rgb(0 0 0 / .04);
}
.quiet { padding: .5rem 1.5rem; }
.quiet h2 { font-size: 1rem; color: var(--text); }
.quiet ol { margin: .5rem 0 0; padding-left: 1.25rem; }
.quiet li { margin-bottom: .35rem; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem; }
.button {
  display: inline-flex; align-items: center; justify-content: center; min-height: 44px; padding: .5rem 1.1rem;
  border: 1px solid var(--muted); border-radius: 8px; background: transparent; color: var(--text);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
.button:hover { border-color: var(--text); }
.button.primary { border-color: var(--brand); background: var(--brand); color: var(--on-brand); }
.button.primary:hover { filter: brightness(1.08); }
.card > .button.primary { width: 100%; }
a:focus-visible, .button:focus-visible { outline: 3px solid var(--brand); outline-offset: 3px; }
.notice {
  padding: .75rem 1rem; border: 1px solid var(--line); border-left: 4px solid var(--good);
  border-radius: 8px; background: var(--card); color: var(--text);
}
.notice.bad { border-left-color: var(--bad); }
.checks { margin: 1rem 0; padding: 0; list-style: none; }
.checks li { display: flex; gap: .6rem; padding: .3rem 0; }
.mark {
  flex: none; width: 1.4rem; height: 1.4rem; margin-top: .1rem; border-radius: 50%;
  background: var(--good); color: var(--card); font-size: .85rem; font-weight: 700; line-height: 1.4rem; text-align: center;
}
.failed .mark { background: var(--bad); }
.detail { color: var(--muted); }
.halves { display: grid; gap: 0 1rem; }
figure { margin: 0 0 .75rem; min-width: 0; }
figcaption { margin-bottom: .25rem; color: var(--muted); font-size: .875rem; font-weight: 600; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .875rem; }
pre { margin: 0; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--code); white-space: pre-wrap; }
dl { margin: 0 0 .75rem; }
dl div { display: flex; flex-wrap: wrap; gap: 0 .75rem; padding: .2rem 0; }
dt { flex: 0 0 7.5rem; color: var(--muted); }
dd { flex: 1 1 14rem; margin: 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 30rem) {
  header { padding-top: 1rem; }
  .card { padding: 1.1rem; }
  .actions form, .actions .button { width: 100%; }
}
@media (min-width: 48rem) { .halves { grid-template-columns: 2fr 3fr; } }
`;

/** A shopping bag. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0b6b4f"/><path d="M8.5 12h15l1.2 12.5h-17.4z" fill="#fff"/><path d="M12 14.5V11a4 4 0 0 1 8 0v3.5" fill="none" stroke="#9fdcc5" stroke-width="2" stroke-linecap="round"/></svg>`;
