// The card of each mark of a chart: beside the pointer, or at the mark that has the keyboard's focus.

const card = byId("card");

function showTip(mark, x, top, bottom) {
  const [title, ...lines] = mark.getAttribute("aria-label").split("\n");
  const head = document.createElement("h3");
  head.textContent = title;
  card.replaceChildren(head, ...lines.map((line) => {
    const row = document.createElement("div");
    row.textContent = line;
    return row;
  }));
  card.hidden = false;
  const { width, height } = card.getBoundingClientRect();
  const left = Math.max(12, Math.min(x, document.documentElement.clientWidth - width - 12));
  card.style.left = `${left}px`;
  card.style.top = `${bottom + height > window.innerHeight - 8 ? Math.max(8, top - height) : bottom}px`;
}

const markOf = (event) => event.target.closest?.(".mark");

document.addEventListener("pointermove", (event) => {
  const mark = markOf(event);
  if (mark) showTip(mark, event.clientX + 14, event.clientY - 14, event.clientY + 18);
  else if (!document.activeElement.matches(".mark")) card.hidden = true;
});
document.addEventListener("focusin", (event) => {
  const mark = markOf(event);
  if (!mark) return;
  const { left, width, top, bottom } = mark.getBoundingClientRect();
  showTip(mark, left + width / 2, top - 8, bottom + 8);
});
document.addEventListener("focusout", () => { card.hidden = true; });

// Of each chart one mark is reached with Tab; arrow keys go on to the others.
for (const chart of document.querySelectorAll(".chart")) {
  const marks = [...chart.querySelectorAll(".mark")];
  marks.forEach((mark, at) => mark.setAttribute("tabindex", at ? "-1" : "0"));
  chart.addEventListener("keydown", (event) => {
    if (event.key === "Escape") card.hidden = true;
    const at = marks.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = step && at >= 0 ? marks[at + step] : null;
    if (!next) return;
    event.preventDefault();
    for (const mark of marks) mark.setAttribute("tabindex", mark === next ? "0" : "-1");
    next.focus();
  });
}
