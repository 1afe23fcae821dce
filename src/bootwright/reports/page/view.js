// What the timeline shows: which stretch, which span is selected; each change leads to one drawing.

const ROW = 21; // px
const LEAST = 200; // ns: the shortest stretch that can be zoomed to
const plot = byId("plot");
const canvas = byId("timeline");
const letters = new Letters(12);
const view = { from: 0, to: Math.max(whole, 1), width: 0, height: 0 };
let layout = { rows: [], rowOf: new Map() };
let boxes = [];
let selected = -1;
let hovered = -1;
let hits = null; // a set of indexes while something is searched for
let asked = 0;
let lastDrawMs = 0;

/** Draw before the next frame, however often it is asked for. */
function schedule() {
  asked ||= requestAnimationFrame(() => {
    asked = 0;
    draw();
  });
}

function draw() {
  if (!view.width) return; // not laid out yet
  const started = performance.now();
  const context = sized(canvas, view.width, view.height);
  boxes = drawScene(context, {
    ...view, rows: layout.rows, scroll: plot.scrollTop, rowHeight: ROW, letters, hits, selected, hovered,
  });
  placePinned();
  lastDrawMs = performance.now() - started;
}

/** Lay out again: other spans are shown, or the window has another size. */
function fitWindow() {
  const content = TOP + layout.rows.length * ROW + 6;
  const limit = parseFloat(getComputedStyle(plot).maxHeight) || content;
  view.height = Math.min(content, Math.floor(limit) - 2);
  // The ground comes below the canvas, which is sticky, and is as high as what does not fit.
  byId("ground").style.height = `${content - view.height}px`;
  canvas.style.height = `${view.height}px`;
  view.width = plot.clientWidth; // now that a scrollbar is there, if one is needed
  draw();
}

function showOnly(critical) {
  layout = layOut((span) => !critical || span.critical || span.parent < 0);
  if (selected >= 0 && !layout.rowOf.has(selected)) select(-1);
  fitWindow();
}

/** Show from `from` to `to`, as far as that lies within the boot. */
function show(from, to) {
  const length = Math.min(Math.max(to - from, LEAST), Math.max(whole, 1));
  const start = Math.min(Math.max(from, 0), Math.max(whole, 1) - length);
  view.from = start;
  view.to = start + length;
  schedule();
}

/** Make what is seen shorter (factor < 1) or longer, with the time at `x` px staying in place. */
function zoom(factor, x = view.width / 2) {
  const length = view.to - view.from;
  const next = Math.min(Math.max(length * factor, LEAST), Math.max(whole, 1));
  const fixed = view.from + (length * x) / view.width;
  show(fixed - (next * x) / view.width, fixed - (next * x) / view.width + next);
}

function pan(part) {
  const shift = (view.to - view.from) * part;
  show(view.from + shift, view.to + shift);
}

const fit = () => show(0, whole);

/** Let a span take most of the width. */
function zoomTo(index) {
  const span = spans[index];
  const margin = Math.max(span.length * 0.06, LEAST / 2);
  show(span.start - margin, span.end + margin);
  scrollTo(index);
}

function scrollTo(index) {
  const top = layout.rowOf.get(index) * ROW;
  const seenRows = view.height - TOP;
  if (top < plot.scrollTop || top + ROW > plot.scrollTop + seenRows)
    plot.scrollTop = Math.max(0, top - seenRows / 3);
}

/** Select a span and see to it that it is in view; -1 lets go. */
function select(index, { jump = true } = {}) {
  selected = index;
  if (index >= 0 && jump) {
    if (!layout.rowOf.has(index)) {
      byId("only-critical").checked = false;
      showOnly(false);
    }
    const span = spans[index];
    const length = view.to - view.from;
    const tiny = span.length > 0 && (span.length / length) * view.width < 3;
    if (tiny) show(span.start - span.length * 20, span.end + span.length * 20);
    else if (span.end < view.from || span.start > view.to || span.length > length * 1.5) {
      const longer = Math.max(length, span.length * 1.12);
      const middle = (span.start + span.end) / 2;
      show(middle - longer / 2, middle + longer / 2);
    }
    scrollTo(index);
  }
  byId("said").textContent = index < 0 ? "" : sentence(spans[index]);
  markRow(index);
  if (index >= 0) pinCard(index);
  else hideCard();
  draw();
}

/** The span at a place of the canvas; a hair's breadth beside it counts where nothing is nearer. */
function spanAt(x, y) {
  let found = -1;
  let distance = 4;
  if (y < TOP) return -1;
  for (const box of boxes) {
    if (y < box.y - 2 || y >= box.y + box.height + 3) continue;
    const off = Math.max(box.x - x, x - box.x - Math.max(box.width, 1), 0);
    if (off < distance) [found, distance] = [box.span.index, off];
  }
  return found;
}
