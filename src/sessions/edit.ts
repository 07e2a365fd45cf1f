// A text with insertions and replacements, and the way back from a column of the result to a column of the original.
// Nothing that is put in holds a line end, so lines stay where they were.

type Edit = { readonly at: number; readonly cut: number; readonly text: string };

/** What moved in one line: from `column` of the result on, the original stands `by` columns further left. */
type Shift = { readonly column: number; readonly by: number };

export type Shifts = Readonly<Record<number, readonly Shift[]>>;

export class EditedText {
  readonly original: string;
  readonly #edits: Edit[] = [];

  constructor(original: string) {
    this.original = original;
  }

  /** Of several insertions at one place, the one made first stands first. */
  insert(at: number, text: string): void {
    this.#edits.push({ at, cut: 0, text });
  }

  replace(from: number, to: number, text: string): void {
    // A text of several lines keeps its line ends.
    const lines = this.original.slice(from, to).split('\n').length - 1;
    this.#edits.push({ at: from, cut: to - from, text: text + '\n'.repeat(lines) });
  }

  /** The edited text, and for each line (the first is 0) how its columns moved. */
  finish(): { readonly text: string; readonly shifts: Shifts } {
    const edits = this.#edits
      .map((edit, index) => ({ edit, index }))
      .sort((a, b) => a.edit.at - b.edit.at || a.index - b.index)
      .map(({ edit }) => edit);
    const shifts: Record<number, Shift[]> = {};
    let text = '';
    let done = 0;
    let line = 0;
    let lineStart = 0;
    let by = 0;
    const take = (piece: string): void => {
      text += piece;
      const ends = piece.split('\n').length - 1;
      if (ends === 0) return;
      line += ends;
      lineStart = text.lastIndexOf('\n') + 1;
      by = 0;
    };
    for (const { at, cut, text: put } of edits) {
      take(this.original.slice(done, at));
      take(put);
      by += put.length - cut;
      if (!put.includes('\n')) {
        const moved = shifts[line] ?? [];
        moved.push({ column: text.length - lineStart, by });
        shifts[line] = moved;
      }
      done = at + cut;
    }
    take(this.original.slice(done));
    return { text, shifts };
  }
}

/** The column that a column of the edited text had before; both count from 0. */
export function originalColumn(shifts: Shifts, line: number, column: number): number {
  let by = 0;
  for (const shift of shifts[line] ?? []) if (shift.column <= column) by = shift.by;
  return Math.max(0, column - by);
}
