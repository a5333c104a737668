// "Did you mean": the known word with the fewest edits from what was typed.

/** The nearest of `words`, or undefined when more than a third of the letters would have to change. */
export function nearest(typed: string, words: Iterable<string>): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const word of words) {
    const edits = distance(typed, word);
    if (edits < fewest) [fewest, best] = [edits, word];
  }
  return best;
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`: one row of the table at a time. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replace = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current[column] = Math.min(replace, last[column]! + 1, current[column - 1]! + 1);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        current[column] = Math.min(current[column]!, before[column - 2]! + 1);
    }
    [before, last] = [last, current];
  }
  return last[b.length]!;
}
