// Drawing the timeline: a picture from data, onto any canvas (the screen's or the paper's).

const OVERVIEW = 12; // px: the whole boot in one strip, with what is in view
const AXIS = 24;
const TOP = OVERVIEW + AXIS;

/** Size a canvas for the screen's pixels and return its context, in CSS pixels. */
function sized(canvas, width, height, ratio = window.devicePixelRatio || 1) {
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Steps of 1, 2 or 5 times a power of ten, about `apart` px from each other. */
function ticks(from, to, width, apart) {
  const least = Math.max(((to - from) * apart) / width, 1e-3);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= least * 0.999);
  const found = [];
  for (let at = Math.ceil(from / step); at * step <= to; at++) found.push(at * step);
  return { step, at: found };
}

/** A tick's label: one unit for the whole axis, no more decimals than its step needs. */
function tickLabel(time, step) {
  const [unit, name] = step >= 1e8 ? [1e9, "s"] : step >= 1e5 ? [1e6, "ms"] : [1e3, "µs"];
  const decimals = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
  return `${(time / unit).toFixed(decimals)}${NBSP}${name}`;
}

/**
 * Draw all rows, and return the rectangles: `{span, row, x, y, width, height}`, as the data say, even
 * where a span is drawn wider to be seen at all.
 *
 * scene: from, to (ns), width, height (px), scroll (px), rowHeight, rows, letters, hits (a set of
 * indexes, or null), selected, hovered (indexes).
 */
function drawRows(context, scene) {
  const { from, to, width, height, scroll, rowHeight, rows, letters, hits } = scene;
  const scale = width / (to - from || 1);
  const boxes = [];
  const marked = []; // outlines come last, over their neighbours
  const boxHeight = rowHeight - 5;
  context.save();
  context.beginPath();
  context.rect(0, TOP, width, height - TOP);
  context.clip();
  context.textBaseline = "middle";
  context.font = letters.font;
  const first = Math.max(0, Math.floor(scroll / rowHeight));
  const last = Math.min(rows.length, Math.ceil((scroll + height - TOP) / rowHeight));
  for (let row = first; row < last; row++) {
    const y = TOP + row * rowHeight - scroll + 2;
    const members = rows[row];
    let painted = -Infinity; // up to where this row is full of boxes thinner than a pixel
    let previous = -Infinity;
    for (let at = firstSeen(members, from); at < members.length; at++) {
      const span = members[at];
      if (span.start > to) break;
      const box = {
        span, row, y, x: (span.start - from) * scale, width: span.length * scale, height: boxHeight,
      };
      boxes.push(box);
      const missed = hits !== null && !hits.has(span.index);
      if ((hits !== null && !missed) || span.index === scene.selected || span.index === scene.hovered)
        marked.push(box);
      // Hundreds may share a pixel: one of them is enough to fill it.
      if (box.width < 1 && box.x + 1 < painted) continue;
      context.globalAlpha = missed ? 0.35 : 1;
      drawBox(context, box, scene);
      const next = members[at + 1];
      drawLabel(context, box, next ? (next.start - from) * scale : width, box.x - previous > 8, scene);
      drawEdges(context, box, scene);
      previous = box.x + box.width;
      painted = Math.max(box.x + box.width, box.x + 1) + 0.5;
    }
  }
  context.globalAlpha = 1;
  for (const box of marked) outline(context, box, scene);
  context.restore();
  return boxes;
}

/** What is seen of a box: cut to the picture, and a pixel wide at least. */
function seen(box, width) {
  const left = Math.max(box.x, -4);
  const right = Math.min(box.x + box.width, width + 4);
  return [left, Math.max(right - left, 1)];
}

function drawBox(context, box, { from, to, width }) {
  const { span, y, height } = box;
  const [x, w] = seen(box, width);
  if (w < 3) context.fillStyle = theme.fill[span.layer];
  else if (span.kind === "frame") context.fillStyle = theme.tint[span.layer];
  else if (span.kind === "wait") context.fillStyle = theme.wait[span.layer];
  else context.fillStyle = (span.critical ? theme.fill : theme.pale)[span.layer];
  context.fillRect(x, y, w, height);
  if (w >= 3 && span.kind === "frame") drawGaps(context, box, from, width / (to - from || 1), x, w);
}

/** What is over the label: the box's border, and the line of the critical path below it. */
function drawEdges(context, box, { width }) {
  const { span, y, height } = box;
  const [x, w] = seen(box, width);
  if (w >= 3 && (span.kind !== "work" || !span.critical)) {
    context.strokeStyle = theme.fill[span.layer];
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, w - 1, height - 1);
  } else if (w > 6) {
    // A seam, so that two neighbours of one colour are two.
    context.fillStyle = theme.panel;
    context.fillRect(x + w - 0.75, y, 0.75, height);
  }
  if (span.critical && span.parent >= 0) {
    context.fillStyle = theme.path;
    context.fillRect(x, y + height, w, 2);
  }
}

/** The parts of a frame that nothing explains are empty but for a hatch. */
function drawGaps(context, box, from, scale, left, width) {
  context.fillStyle = theme.void;
  for (const [start, end] of raw.gaps) {
    if (end <= box.span.start) continue;
    if (start >= box.span.end) break;
    const x = Math.max((Math.max(start, box.span.start) - from) * scale, left);
    const right = Math.min((Math.min(end, box.span.end) - from) * scale, left + width);
    if (right - x >= 0.5) context.fillRect(x, box.y, right - x, box.height);
  }
}

/**
 * The name inside the box, with its length if there is room; or beside it, where that is free.
 *
 * A box that is too thin to be told from its neighbours gets none, unless it stands `alone`.
 */
function drawLabel(context, box, nextX, alone, { width, letters }) {
  const { span, x, y, height } = box;
  const middle = y + height / 2 + 0.5;
  const [left, right] = [Math.max(x, 0) + 5, Math.min(x + box.width, width) - 4];
  const room = right - left;
  const needed = letters.width(span.name);
  if (room < needed && (box.width >= 3 || alone)) {
    const beside = x + Math.max(box.width, 1) + 5;
    const free = Math.min(nextX, width) - beside - 8;
    if (beside > 0 && (free >= needed || (room < 48 && free > 48))) {
      context.fillStyle = theme.muted;
      context.fillText(letters.cut(span.name, free), beside, middle);
      return;
    }
  }
  if (room < 14) return;
  const name = letters.cut(span.name, room);
  if (!name) return;
  const solid = span.kind === "work" && span.critical;
  const length = duration(span.length);
  const both = needed + 8 + letters.width(length) <= room;
  if (span.kind !== "work") {
    // On a hatch, text needs a halo.
    context.strokeStyle = theme.tint[span.layer];
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeText(name, left, middle);
    if (both) context.strokeText(length, left + needed + 8, middle);
  }
  context.fillStyle = solid ? theme.onFill : theme.ink;
  context.fillText(name, left, middle);
  if (both) {
    if (span.kind !== "work") context.fillStyle = theme.muted;
    context.fillText(length, left + needed + 8, middle);
  }
}

function outline(context, box, { width, selected, hovered }) {
  const { index } = box.span;
  let [x, w] = seen(box, width);
  if (w < 3) [x, w] = [x - 1, 3]; // a hit that is thinner than a hair is still to be seen
  context.strokeStyle = index === selected || index === hovered ? theme.accent : theme.hit;
  context.lineWidth = index === hovered && index !== selected ? 1.5 : 2;
  context.strokeRect(x - 1, box.y - 1, w + 2, box.height + 2);
}

/** The strip over the axis: all phases, and a window over those in view. */
function drawOverview(context, { from, to, width, hits }) {
  const scale = width / (whole || 1);
  context.fillStyle = theme.grid;
  context.fillRect(0, 0, width, OVERVIEW);
  for (const index of spans.length ? spans[0].children : []) {
    const span = spans[index];
    context.fillStyle = theme.fill[span.layer];
    context.fillRect(span.start * scale, 0, Math.max(span.length * scale, 1), OVERVIEW - 4);
  }
  if (hits !== null) {
    context.fillStyle = theme.hit;
    for (const index of hits) context.fillRect(spans[index].start * scale - 0.5, 0, 1.5, OVERVIEW);
  }
  if (to - from < whole) {
    const x = from * scale;
    const w = Math.max((to - from) * scale, 3);
    context.fillStyle = theme.panel;
    context.globalAlpha = 0.72;
    context.fillRect(0, 0, x, OVERVIEW);
    context.fillRect(x + w, 0, width - x - w, OVERVIEW);
    context.globalAlpha = 1;
  }
  context.fillStyle = theme.path;
  context.fillRect(from * scale, OVERVIEW - 3, Math.max((to - from) * scale, 3), 2);
}

/** Times over the rows, and hairlines through them. */
function drawAxis(context, { from, to, width, height, letters }) {
  const { step, at } = ticks(from, to, width, 104);
  const scale = width / (to - from || 1);
  context.font = letters.font;
  context.textBaseline = "middle";
  let free = 0;
  for (const time of at) {
    const x = (time - from) * scale;
    context.fillStyle = theme.grid;
    context.fillRect(Math.round(x), TOP, 1, height - TOP);
    const label = tickLabel(time, step);
    const extent = letters.width(label);
    const left = Math.min(Math.max(x - extent / 2, 6), width - extent - 6);
    if (left < free) continue;
    free = left + extent + 10;
    context.fillStyle = theme.muted;
    context.fillText(label, left, OVERVIEW + AXIS / 2);
  }
  context.fillStyle = theme.line;
  context.fillRect(0, TOP - 1, width, 1);
}

function drawScene(context, scene) {
  context.fillStyle = theme.panel;
  context.fillRect(0, 0, scene.width, scene.height);
  drawAxis(context, scene);
  const boxes = drawRows(context, scene);
  drawOverview(context, scene);
  return boxes;
}
