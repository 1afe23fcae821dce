// The flame graph: sampled stacks as an icicle, callers above callees, as wide as their counts.

const FLAME_ROW = 20;
const flame = byId("flame");
let flameTop = null; // the whole
let flameZoom = null; // what has the full width
let flameBoxes = [];
let flameSelected = null;
let flameWidth = 0;

function makeFlame() {
  flameTop = { name: "all samples", count: 0, below: new Map(), parent: null, depth: 0 };
  for (const [stack, ns] of raw.flame) {
    let node = flameTop;
    node.count += ns;
    for (const name of stack) {
      if (!node.below.has(name)) {
        node.below.set(name, { name, count: 0, below: new Map(), parent: node, depth: node.depth + 1 });
      }
      node = node.below.get(name);
      node.count += ns;
    }
  }
  flameZoom = flameTop;
}

/** Rectangles as parts of the width; what is narrower than half a pixel is left out, with all below. */
function layFlame() {
  const found = [];
  const path = [];
  for (let node = flameZoom.parent; node; node = node.parent) path.unshift(node);
  for (const node of path) found.push({ node, from: 0, part: 1 });
  const lay = (node, from, part) => {
    if (part * flameWidth < 0.5) return;
    found.push({ node, from, part });
    let at = from;
    for (const child of [...node.below.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const own = (part * child.count) / node.count;
      lay(child, at, own);
      at += own;
    }
  };
  if (flameZoom.count) lay(flameZoom, 0, 1);
  return found;
}

/** One of three shades, by the name, so that neighbours can be told apart. */
function shade(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 997;
  return [0.42, 0.52, 0.62][sum % 3];
}

function drawFlame() {
  if (!flameTop) return;
  flameWidth = byId("flame-section").clientWidth;
  const placed = layFlame();
  const depth = placed.reduce((most, { node }) => Math.max(most, node.depth), 0);
  const context = sized(flame, flameWidth, (depth + 1) * FLAME_ROW + 2);
  context.fillStyle = theme.panel;
  context.fillRect(0, 0, flameWidth, (depth + 1) * FLAME_ROW + 2);
  context.font = letters.font;
  context.textBaseline = "middle";
  const wanted = sought();
  flameBoxes = [];
  for (const { node, from, part } of placed) {
    const [x, w, y] = [from * flameWidth, part * flameWidth, node.depth * FLAME_ROW + 1];
    flameBoxes.push({ node, x, width: w, y, height: FLAME_ROW - 2 });
    const hit = wanted && node.name.toLowerCase().includes(wanted);
    context.globalAlpha = wanted && !hit ? 0.3 : 1;
    context.fillStyle = mixed(theme.fill.kernel, theme.panel, shade(node.name));
    context.fillRect(x, y, Math.max(w - (w > 2 ? 1 : 0), 0.5), FLAME_ROW - 2);
    const label = w > 18 ? letters.cut(node.name, w - 9) : "";
    context.fillStyle = theme.ink;
    if (label) context.fillText(label, x + 4, y + FLAME_ROW / 2 - 0.5);
    context.globalAlpha = 1;
    if (hit || node === flameSelected) {
      context.strokeStyle = node === flameSelected ? theme.accent : theme.hit;
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, Math.max(w - 3, 1), FLAME_ROW - 4);
    }
  }
}

const spentIn = (node) => {
  const part = ((100 * node.count) / (flameTop.count || 1)).toFixed(1);
  return `${duration(node.count)} (${part}${NBSP}%)`;
};

function selectFlame(node) {
  flameSelected = node;
  byId("flame-said").textContent = node ? `${node.name}: ${spentIn(node)}` : "";
  drawFlame();
}

function zoomFlame(node) {
  flameZoom = node === flameZoom ? flameTop : node;
  selectFlame(node);
}

function flameAt(event) {
  const edge = flame.getBoundingClientRect();
  const [x, y] = [event.clientX - edge.left, event.clientY - edge.top];
  const inside = (one) => x >= one.x && x < one.x + one.width && y >= one.y && y < one.y + FLAME_ROW;
  return flameBoxes.find(inside)?.node ?? null;
}

function flameNeighbour(key) {
  const node = flameSelected;
  const sorted = (one) => [...one.below.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (key === "ArrowUp") return node.parent ?? node;
  if (key === "ArrowDown") return sorted(node).sort((a, b) => b.count - a.count)[0] ?? node;
  const siblings = node.parent ? sorted(node.parent) : [node];
  return siblings[siblings.indexOf(node) + (key === "ArrowRight" ? 1 : -1)] ?? node;
}

function startFlame() {
  if (!raw.flame.length) return;
  makeFlame();
  byId("flame-section").hidden = false;
  byId("flame-total").textContent = `${duration(flameTop.count)} sampled`;
  flame.setAttribute("aria-label", `Flame graph of ${duration(flameTop.count)}`);
  flame.addEventListener("click", (event) => {
    const node = flameAt(event);
    if (node) zoomFlame(node);
  });
  flame.addEventListener("pointermove", (event) => {
    const node = event.pointerType === "mouse" && flameAt(event);
    hideCard();
    if (!node) return;
    const caller = node.parent ? [["called by", node.parent.name]] : [];
    fillCard(node.name, [["time", spentIn(node)], ...caller]);
    placeCard(event.clientX + 14, event.clientY - 18, event.clientY + 18);
  });
  flame.addEventListener("pointerleave", hideCard);
  flame.addEventListener("keydown", (event) => {
    const { key } = event;
    if (key.startsWith("Arrow")) selectFlame(flameSelected ? flameNeighbour(key) : flameZoom);
    else if ((key === "Enter" || key === " ") && flameSelected) zoomFlame(flameSelected);
    else if (key === "0" || key === "Escape") {
      flameZoom = flameTop;
      selectFlame(null);
    } else return;
    event.preventDefault();
  });
}
