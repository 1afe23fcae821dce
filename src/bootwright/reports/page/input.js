// Mouse, fingers and keys on the timeline.

const pointers = new Map(); // those that are down
let drag = null;
let wheeledElsewhere = -Infinity;

const placeOf = (event) => {
  const edge = canvas.getBoundingClientRect();
  return [event.clientX - edge.left, event.clientY - edge.top];
};

function pinch() {
  const [a, b] = [...pointers.values()];
  return { apart: Math.max(Math.abs(a.x - b.x), 10), middle: (a.x + b.x) / 2 };
}

function overview(x) {
  const half = (view.to - view.from) / 2;
  const middle = (x / view.width) * whole;
  show(middle - half, middle + half);
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  const [x, y] = placeOf(event);
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x, y });
  if (pointers.size === 1) {
    drag = { x, y, from: view.from, scroll: plot.scrollTop, far: false, strip: y < OVERVIEW };
    if (drag.strip) overview(x);
  } else {
    drag = pointers.size === 2 ? { pinch: pinch(), far: true } : null;
  }
});

canvas.addEventListener("pointermove", (event) => {
  const [x, y] = placeOf(event);
  if (!pointers.has(event.pointerId)) {
    if (event.pointerType === "mouse") hover(spanAt(x, y), event);
    return;
  }
  pointers.set(event.pointerId, { x, y });
  if (!drag) return;
  if (drag.pinch) {
    const now = pinch();
    zoom(drag.pinch.apart / now.apart, now.middle);
    pan((drag.pinch.middle - now.middle) / view.width);
    drag.pinch = now;
  } else if (drag.strip) {
    overview(x);
  } else if (drag.far || Math.hypot(x - drag.x, y - drag.y) > 4) {
    drag.far = true;
    hover(-1);
    canvas.classList.add("dragging");
    const from = drag.from - ((x - drag.x) / view.width) * (view.to - view.from);
    show(from, from + (view.to - view.from));
    if (event.pointerType === "mouse") plot.scrollTop = drag.scroll - (y - drag.y);
  }
});

function release(event) {
  const [x, y] = placeOf(event);
  if (!pointers.delete(event.pointerId)) return;
  canvas.classList.remove("dragging");
  if (event.type === "pointerup" && drag && !drag.far && !drag.strip) select(spanAt(x, y), { jump: false });
  drag = null;
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => hover(-1));
canvas.addEventListener("dblclick", (event) => {
  const index = spanAt(...placeOf(event));
  if (index >= 0) zoomTo(index);
});

// A wheel that was scrolling the page when the timeline came under it goes on scrolling the page.
document.addEventListener("wheel", (event) => {
  if (event.target !== canvas) wheeledElsewhere = event.timeStamp;
}, { passive: true });
canvas.addEventListener("wheel", (event) => {
  if (event.timeStamp - wheeledElsewhere < 250) {
    wheeledElsewhere = event.timeStamp;
    return;
  }
  const lines = event.deltaMode === 1 ? 16 : 1;
  const [dx, dy] = [event.deltaX * lines, event.deltaY * lines];
  const sideways = event.shiftKey && !dx ? dy : dx;
  if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) {
    event.preventDefault();
    pan(sideways / view.width);
    return;
  }
  // All is in view already: there is nothing to zoom out of, so the page may scroll.
  if (dy > 0 && view.to - view.from >= whole && !event.ctrlKey) return;
  event.preventDefault();
  hover(-1);
  zoom(Math.exp(Math.max(-200, Math.min(200, dy)) * (event.ctrlKey ? 0.01 : 0.002)), placeOf(event)[0]);
}, { passive: false });

/** The neighbour of the selected span in a direction, among those shown; itself if there is none. */
function neighbour(key) {
  const span = spans[selected];
  const shown = (indexes) => indexes.filter((index) => layout.rowOf.has(index));
  if (key === "ArrowUp") return span.parent >= 0 ? span.parent : selected;
  if (key === "ArrowDown") return shown(span.children)[0] ?? selected;
  const siblings = span.parent < 0 ? [selected] : shown(spans[span.parent].children);
  return siblings[siblings.indexOf(selected) + (key === "ArrowRight" ? 1 : -1)] ?? selected;
}

canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !spans.length) return;
  const { key } = event;
  if (key.startsWith("Arrow") && event.shiftKey) {
    if (key === "ArrowLeft") pan(-0.15);
    if (key === "ArrowRight") pan(0.15);
    if (key === "ArrowUp") plot.scrollTop -= 3 * ROW;
    if (key === "ArrowDown") plot.scrollTop += 3 * ROW;
  } else if (key.startsWith("Arrow")) select(selected < 0 ? 0 : neighbour(key));
  else if (key === "Home") select(0);
  else if (key === "+" || key === "=") zoom(1 / 1.6);
  else if (key === "-" || key === "_") zoom(1.6);
  else if (key === "0") fit();
  else if ((key === "Enter" || key === " ") && selected >= 0) zoomTo(selected);
  else return;
  event.preventDefault();
});

byId("zoom-in").addEventListener("click", () => zoom(1 / 1.6));
byId("zoom-out").addEventListener("click", () => zoom(1.6));
byId("fit").addEventListener("click", fit);
byId("only-critical").addEventListener("change", (event) => showOnly(event.target.checked));
plot.addEventListener("scroll", () => {
  hover(-1);
  schedule();
}, { passive: true });
window.addEventListener("scroll", schedule, { passive: true });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || (event.target === byId("search") && byId("search").value)) return;
  hover(-1);
  if (byId("card").contains(document.activeElement)) canvas.focus();
  if (selected >= 0) select(-1);
  else hideCard();
});
