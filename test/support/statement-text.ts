const nothing = () => undefined;

/** The SQL of what is given to `query` of `pg`: a text, a configuration, or a statement of ours, which tells it only to a connection. */
export function statementText(statement: unknown): string {
  if (typeof statement === 'string') return statement;
  const { text, submit } = statement as { text?: string; submit?(connection: object): unknown };
  if (text !== undefined || !submit) return text ?? '';
  let told = '';
  const stream = { cork: nothing, uncork: nothing };
  const parse = (message: { text: string }) => {
    told = message.text;
  };
  submit.call(statement, { stream, parse, bind: nothing, describe: nothing, execute: nothing, sync: nothing });
  return told;
}
