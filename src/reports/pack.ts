// Rows of a chart as they travel in the page: in columns, texts once, so that names are not said with every row.

type Value = number | string | boolean | null;
type Row = Readonly<Record<string, Value>>;

/** A column of numbers and the like as it is; of texts, the different ones and which row has which. */
type Column = readonly Value[] | { readonly texts: readonly string[]; readonly at: readonly number[] };
export type PackedRows = { readonly columns: Readonly<Record<string, Column>> };

/** Undefined when the rows are not of one shape: then they travel as they are. */
export function packRows(rows: readonly unknown[]): PackedRows | undefined {
  const [first] = rows;
  if (!isRow(first)) return undefined;
  const names = Object.keys(first);
  const isSame = (row: unknown): row is Row =>
    isRow(row) && Object.keys(row).length === names.length && names.every((name) => name in row);
  if (!rows.every(isSame)) return undefined;
  return {
    columns: Object.fromEntries(names.map((name) => [name, columnOf(rows.map((row) => row[name]!))])),
  };
}

function isRow(row: unknown): row is Row {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return false;
  return Object.values(row).every((value) => value === null || typeof value !== 'object');
}

function columnOf(values: readonly Value[]): Column {
  if (!values.every((value) => typeof value === 'string')) return values;
  const places = new Map<string, number>();
  const at = values.map((text) => {
    const place = places.get(text) ?? places.size;
    places.set(text, place);
    return place;
  });
  return { texts: [...places.keys()], at };
}

export function unpackRows({ columns }: PackedRows): readonly Row[] {
  const read = Object.entries(columns).map(([name, column]): readonly [string, readonly Value[]] => [
    name,
    'texts' in column ? column.at.map((place) => column.texts[place]!) : column,
  ]);
  const length = read[0]?.[1].length ?? 0;
  return Array.from({ length }, (_, i) =>
    Object.fromEntries(read.map(([name, values]) => [name, values[i]!])),
  );
}
