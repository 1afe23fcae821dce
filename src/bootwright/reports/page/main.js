// Puts the page together, and tells tests what it drew.

/** Length, share and colour of each phase; a click zooms to it. */
function fillPhases() {
  for (const index of spans.length ? spans[0].children : []) {
    const span = spans[index];
    const length = element("span", { className: "length", text: `${duration(span.length)} ` },
      element("small", { text: share(span.length) }));
    const button = element("button", { type: "button" },
      swatch(span.layer), element("span", { text: span.name }), length);
    button.addEventListener("click", () => {
      plot.scrollIntoView({ block: "nearest" }); // on a phone, it is not in view
      zoomTo(index);
      select(index, { jump: false });
    });
    byId("phases").append(element("li", {}, button));
  }
}

/** One sample of each kind of box, drawn by what draws the boxes. */
function drawLegend() {
  const layer = "userspace";
  const samples = [
    ["work on the critical path", { kind: "work", critical: true }],
    ["work off the critical path", { kind: "work", critical: false }],
    ["wait", { kind: "wait", critical: false }],
    ["frame: only its ends are known", { kind: "frame", critical: false }],
    ["unaccounted", null],
  ];
  byId("legend").replaceChildren(...samples.map(([text, kind]) => {
    const made = element("canvas");
    made.setAttribute("aria-hidden", "true");
    const context = sized(made, 30, 18);
    if (kind) {
      const span = { ...kind, layer, parent: 0, start: -2, end: -1 };
      const place = { span, x: 0, y: 1, width: 30, height: 14 };
      const scene = { from: 0, to: 60, width: 60 };
      drawBox(context, place, scene);
      drawEdges(context, place, scene);
    } else {
      context.fillStyle = theme.void;
      context.fillRect(0, 1, 30, 14);
    }
    return element("li", {}, made, element("span", { text }));
  }));
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
let chosen = null; // for as long as the page is open; nothing is stored

/** Use the theme that was chosen, else the system's; on paper, the light one. */
function restyle() {
  useTheme(onPaper ? "light" : chosen ?? (dark.matches ? "dark" : "light"));
  drawLegend();
  draw();
  drawFlame();
}

byId("theme").addEventListener("click", () => {
  chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  restyle();
});
dark.addEventListener("change", restyle);

restyle();
canvas.setAttribute("aria-label",
  `Timeline of ${count(spans.length)} spans, ${duration(whole)} in all`);
fillPhases();
showOnly(false);
const firstDrawMs = performance.now();
makeHead();
fillTable();
fillLongest();
startFlame();
drawFlame();
const readyMs = performance.now();
new ResizeObserver(() => {
  if (plot.clientWidth !== view.width && plot.clientWidth) fitWindow();
  if (flameTop && byId("flame-section").clientWidth !== flameWidth) drawFlame();
}).observe(document.body);
window.addEventListener("resize", fitWindow);

/** For tests: reads, changes nothing. Milliseconds count from the start of the navigation. */
window.bootwright = Object.freeze({
  boxes: () => boxes.map(({ span, ...place }) => ({ id: span.id, ...place })),
  view: () => ({ ...view, scroll: plot.scrollTop, rows: layout.rows.length, rowHeight: ROW, top: TOP }),
  selected: () => (selected < 0 ? null : spans[selected].id),
  flame: () => flameBoxes.map(({ node, ...place }) => ({ name: node.name, count: node.count, ...place })),
  timing: () => ({ began, firstDrawMs, readyMs, scriptMs: readyMs - began, lastDrawMs }),
});
