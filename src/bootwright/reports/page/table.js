// The same spans as a table, a hundred rows at a time; and the longest on the critical path.

const STEP = 100;
const COLUMNS = [
  { key: "name", title: "Name", by: (span) => span.name.toLowerCase() },
  { key: "layer", title: "Layer", by: (span) => raw.layers.indexOf(span.layer) },
  { key: "start", title: "Start, ms", number: true, by: (span) => span.start },
  { key: "length", title: "Length, ms", number: true, by: (span) => span.length },
  { key: "unaccounted", title: "Unaccounted, ms", number: true, by: (span) => span.unaccounted },
  { key: "critical", title: "Critical", by: (span) => (span.critical ? 1 : 0) },
  { key: "slack", title: "Slack, ms", number: true, by: (span) => span.slack ?? Infinity },
  { key: "source", title: "Source", by: (span) => span.source.toLowerCase() },
];
const body = document.querySelector("#spans tbody");
let sorting = { column: COLUMNS[3], down: true };
let listed = []; // all that the table is about, in its order
let limit = STEP;

const swatch = (layer) => {
  const made = element("span", { className: "swatch" });
  made.style.background = `var(--${layer})`;
  made.setAttribute("aria-hidden", "true");
  return made;
};

/** A name that can be clicked: it is selected in the picture, which comes into view. */
function link(span, ...more) {
  const made = element("button", { type: "button", className: "link", text: span.name }, ...more);
  made.addEventListener("click", () => {
    plot.scrollIntoView({ block: "nearest" });
    select(span.index);
    canvas.focus({ preventScroll: true });
  });
  return made;
}

function row(span) {
  const cells = {
    name: [link(span)],
    layer: [swatch(span.layer), span.layer],
    start: [milliseconds(span.start)],
    length: [milliseconds(span.length)],
    unaccounted: [span.unaccounted ? milliseconds(span.unaccounted) : "–"],
    critical: [span.critical ? "yes" : "–"],
    slack: [span.slack === null ? "–" : milliseconds(span.slack)],
    source: [span.source],
  };
  const made = element("tr");
  made.dataset.index = span.index;
  if (span.index === selected) made.className = "selected";
  for (const { key, number } of COLUMNS) {
    made.append(element("td", { className: number ? `number ${key}` : key }, ...cells[key]));
  }
  return made;
}

function addRows() {
  const rows = listed.slice(body.childElementCount, limit).map(row);
  body.append(...rows);
  const shown = body.childElementCount;
  byId("rows-shown").textContent =
    shown < listed.length ? `${count(shown)} of ${count(listed.length)}` : count(shown);
  byId("more").hidden = shown >= listed.length;
  byId("more").textContent = `Show all ${count(listed.length)}`;
}

function fillTable() {
  listed = hits === null ? [...spans] : spans.filter((span) => hits.has(span.index));
  if (byId("only-critical").checked) listed = listed.filter((span) => span.critical);
  const { column, down } = sorting;
  const sign = down ? -1 : 1;
  const keys = new Map(listed.map((span) => [span, column.by(span)]));
  listed.sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    return x === y ? a.index - b.index : sign * (x < y ? -1 : 1);
  });
  limit = STEP;
  body.replaceChildren();
  addRows();
}

/** Show which row is the selected span's. */
function markRow(index) {
  for (const old of body.querySelectorAll(".selected")) old.classList.remove("selected");
  if (index >= 0) body.querySelector(`[data-index="${index}"]`)?.classList.add("selected");
}

function makeHead() {
  for (const column of COLUMNS) {
    const made = element("th", { scope: "col", className: column.number ? `number ${column.key}` : column.key });
    const button = element("button", { type: "button", text: column.title });
    button.addEventListener("click", () => {
      // Numbers first go down, since what is long is what one looks for.
      const down = sorting.column === column ? !sorting.down : Boolean(column.number) && column.key !== "start";
      sorting = { column, down };
      tellSorting();
      fillTable();
    });
    made.append(button);
    document.querySelector("#spans thead tr").append(made);
  }
  tellSorting();
}

function tellSorting() {
  document.querySelectorAll("#spans th").forEach((head, at) => {
    if (COLUMNS[at] === sorting.column) head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

byId("more").addEventListener("click", () => {
  limit = Infinity;
  addRows();
});
byId("only-critical").addEventListener("change", fillTable);

function fillLongest() {
  const leaves = spans.filter((span) => span.critical && !span.children.length && span.length);
  leaves.sort((a, b) => b.length - a.length);
  for (const span of leaves.slice(0, 10)) {
    const bar = element("i");
    bar.style.width = `${(100 * span.length) / leaves[0].length}%`;
    bar.style.background = `var(--${span.layer})`;
    byId("longest").append(
      element("li", {},
        link(span, element("small", { text: `${NBSP} ${span.layer}` })),
        element("span", { text: duration(span.length) }),
        element("span", { className: "share", text: share(span.length) }),
        bar),
    );
  }
  if (!leaves.length) byId("longest").append(element("li", { text: "No spans on the critical path." }));
}
