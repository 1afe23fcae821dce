// Paper: the whole boot on one page, in the light theme, at a size that a page has.

const PAPER = { width: 1100, height: 440, row: 17 };
let onPaper = false;

function drawPaper() {
  // What is shorter than a hair there would only take rows: leave out as little as makes it fit.
  const most = Math.floor((PAPER.height - TOP) / PAPER.row);
  let rows = [];
  let least = 0;
  for (const part of [0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05]) {
    least = part;
    rows = layOut((span) => span.length >= part * whole || span.parent < 0).rows;
    if (rows.length <= most) break;
  }
  rows = rows.slice(0, most);
  const height = TOP + rows.length * PAPER.row + 4;
  const context = sized(byId("paper"), PAPER.width, height, 2);
  byId("paper").style.width = byId("paper").style.height = "";
  drawScene(context, {
    from: 0, to: Math.max(whole, 1), width: PAPER.width, height, scroll: 0, rowHeight: PAPER.row,
    rows, letters: new Letters(10), hits, selected: -1, hovered: -1,
  });
  byId("paper-note").textContent = least
    ? `Spans shorter than ${duration(least * whole)} are not in this picture.`
    : "";
}

function toPaper() {
  onPaper = true;
  restyle();
  drawPaper();
}

function fromPaper() {
  onPaper = false;
  restyle();
}

window.addEventListener("beforeprint", toPaper);
window.addEventListener("afterprint", fromPaper);
window.matchMedia("print").addEventListener("change", (query) => (query.matches ? toPaper() : fromPaper()));
