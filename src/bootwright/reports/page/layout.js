// Which row each span is in: parents above their children, siblings side by side where they do not
// overlap, below each other where they do.

/** Sorted intervals of one row; none overlaps another. */
class Row {
  constructor() {
    this.starts = [];
    this.ends = [];
  }

  /** Where an interval that starts at `start` would go. */
  place(start) {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  free(start, end) {
    const size = this.starts.length;
    if (!size || this.ends[size - 1] <= start) return true; // the usual case, without a search
    const at = this.place(start);
    return (at === 0 || this.ends[at - 1] <= start) && (at === size || this.starts[at] >= end);
  }

  take(start, end) {
    const at = this.place(start);
    this.starts.splice(at, 0, start);
    this.ends.splice(at, 0, end);
  }
}

/**
 * Lay out the spans for which `shown` holds (a span whose parent is not shown is not either).
 *
 * Those on the critical path are placed first, so that it runs along the top rows of each parent.
 * Returns `rows`: for each row, the spans in it in the order of their starts.
 */
function layOut(shown) {
  const offsets = new Map(); // below the parent's row
  const heights = new Map(); // rows of the span and all below it
  for (let index = spans.length - 1; index >= 0; index--) {
    if (!shown(spans[index])) continue;
    const below = spans[index].children.filter((child) => heights.has(child));
    const order = below
      .filter((child) => spans[child].critical)
      .concat(below.filter((child) => !spans[child].critical));
    const rows = [];
    for (const child of order) {
      const { start, end } = spans[child];
      const height = heights.get(child);
      let top = 0;
      for (let fits = 0; fits < height && top + fits < rows.length; ) {
        if (rows[top + fits].free(start, end)) fits++;
        else {
          top += fits + 1;
          fits = 0;
        }
      }
      while (rows.length < top + height) rows.push(new Row());
      for (let row = top; row < top + height; row++) rows[row].take(start, end);
      offsets.set(child, top);
    }
    heights.set(index, 1 + rows.length);
  }
  const rowOf = new Map();
  const rows = [];
  for (const span of spans) {
    if (!heights.has(span.index)) continue;
    const top = span.parent < 0 ? 0 : rowOf.get(span.parent);
    if (top === undefined) continue;
    const row = span.parent < 0 ? 0 : top + 1 + offsets.get(span.index);
    rowOf.set(span.index, row);
    (rows[row] ??= []).push(span);
  }
  for (const row of rows) row.sort((a, b) => a.start - b.start || a.end - b.end);
  return { rows, rowOf };
}

/** The first of `row` that may be seen when the view starts at `from`. */
function firstSeen(row, from) {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    // Spans of one row do not overlap, so their ends are in order, too.
    if (row[middle].end < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
