// The spans of this page, as Python wrote them, and how times are told.

const began = performance.now();
const raw = JSON.parse(document.getElementById("data").textContent);

// Each row: parent's index (-1: none), layer, kind, start, end, unaccounted, critical, slack (null:
// not known), id, name, source; a parent comes before its children.
const spans = raw.spans.map(
  ([parent, layer, kind, start, end, unaccounted, critical, slack, id, name, source], index) => ({
    index, parent, layer: raw.layers[layer], kind: raw.kinds[kind], start, end, unaccounted,
    critical: critical === 1, slack, id, name, source, length: end - start, children: [],
    // What the search looks through.
    words: `${name}\n${id}\n${source}\n${raw.layers[layer]}`.toLowerCase(),
  }),
);
for (const span of spans) {
  if (span.parent >= 0) spans[span.parent].children.push(span.index);
}
for (const span of spans) {
  span.children.sort((a, b) => spans[a].start - spans[b].start || spans[b].end - spans[a].end);
}
const whole = spans.length ? spans[0].length : 0;

const NBSP = "\u00a0";

/** As report/text.py's duration: the unit that reads best. */
function duration(ns) {
  if (ns >= 999_950_000) return `${(ns / 1e9).toFixed(3)}${NBSP}s`;
  if (ns >= 999_500) return `${(ns / 1e6).toFixed(1)}${NBSP}ms`;
  return `${(ns / 1e3).toFixed(0)}${NBSP}µs`;
}

/** Milliseconds for columns: all with the same decimals, so that they line up. */
const milliseconds = (ns) => (ns / 1e6).toFixed(3);

const share = (ns) => (whole ? `${((100 * ns) / whole).toFixed(1)}${NBSP}%` : "");

const count = (number) => number.toLocaleString("en");

/** Make an element. Text goes in as text only, so that no name can become markup. */
function element(tag, { text, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);
