/** What a column's values are in code; undefined: as SQLite gives them. */
type Conversion = ((value: unknown) => unknown) | undefined;

export type ToObject = (row: readonly unknown[]) => object;

/**
 * How a row becomes an object with a member for each column, as Prisma's adapter would make it. Worked out once for each prepared statement: the
 * adapter asks again for each row what its columns are.
 * @param types the types that the columns were declared with; empty for an expression
 */
export function toObjectWith(columns: readonly string[], types: readonly string[]): ToObject {
  const conversions = types.map(conversionOf);
  return (row) => {
    const object: Record<string, unknown> = {};
    for (let column = 0; column < columns.length; column++) {
      const value = row[column];
      const convert = conversions[column];
      object[columns[column] as string] = convert && value !== null ? convert(value) : value;
    }
    return object;
  };
}

function conversionOf(type: string): Conversion {
  switch (type.toUpperCase()) {
    case 'DATETIME':
      return (value) => new Date(value as string);
    case 'BIGINT':
      return (value) => BigInt(value as number);
    case 'BLOB':
      return (value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value);
    default:
      return undefined;
  }
}
