// The search box: highlights, counts, and jumps from hit to hit. The flame graph shares it.

const box = byId("search");
let order = []; // the hits by their starts
let current = -1;

const sought = () => box.value.trim().toLowerCase();

function search() {
  const wanted = sought();
  current = -1;
  if (!wanted) {
    hits = null;
    order = [];
    byId("found").textContent = "";
  } else {
    order = spans.filter((span) => span.words.includes(wanted));
    hits = new Set(order.map((span) => span.index));
    order.sort((a, b) => a.start - b.start);
    tellHits();
  }
  schedule();
  fillTable();
  drawFlame();
}

function tellHits() {
  const of = current < 0 ? "" : `${count(current + 1)} of `;
  byId("found").textContent = `${of}${count(order.length)} ${order.length === 1 ? "hit" : "hits"}`;
}

function jump(by) {
  if (!order.length) return;
  current = current < 0 && by < 0 ? order.length - 1 : (current + by + order.length) % order.length;
  tellHits();
  select(order[current].index);
}

box.addEventListener("input", search);
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    event.preventDefault();
    jump(event.shiftKey ? -1 : 1);
  } else if (event.key === "Escape" && box.value) {
    event.preventDefault();
    box.value = "";
    search();
  }
});
