// The card that tells all of one span: beside the pointer, or pinned to the selected span.

const card = byId("card");

const slackOf = (span) =>
  span.slack !== null ? duration(span.slack) : span.critical ? "none" : "unknown";

/** The span in a sentence, for the line below the picture and for those who hear it. */
function sentence(span) {
  const parts = [`${span.layer}: ${span.name}`];
  parts.push(`starts at ${duration(span.start)}`, `takes ${duration(span.length)}`);
  if (span.kind === "wait") parts.push("waits");
  if (span.unaccounted) parts.push(`${duration(span.unaccounted)} unaccounted`);
  parts.push(span.critical ? "on the critical path" : `off the critical path, slack ${slackOf(span)}`);
  return parts.join(", ");
}

function fillCard(title, rows) {
  const list = element("dl");
  for (const [name, value, wide] of rows) {
    list.append(
      element("div", { className: wide ? "wide" : "" },
        element("dt", { text: name }), element("dd", { text: value })),
    );
  }
  card.replaceChildren(element("h3", { text: title }), list);
}

const KIND = { frame: "frame, known by its ends", work: "work", wait: "wait" };

function fillSpanCard(span) {
  fillCard(span.name, [
    ["start", duration(span.start)],
    ["length", `${duration(span.length)} (${share(span.length)})`],
    ["critical", span.critical ? "yes" : "no"],
    ["slack", slackOf(span)],
    ["unaccounted", span.unaccounted ? duration(span.unaccounted) : "none"],
    ["layer", span.layer],
    ["kind", KIND[span.kind], true],
    ["source", span.source, true],
  ]);
}

/** Put the card below a rectangle of the window, or above it where there is no room below. */
function placeCard(left, top, bottom) {
  card.hidden = false;
  card.style.visibility = "visible";
  const { width, height } = card.getBoundingClientRect();
  const x = Math.max(12, Math.min(left, document.documentElement.clientWidth - width - 12));
  const y = bottom + height > window.innerHeight - 8 ? Math.max(8, top - height) : bottom;
  card.style.left = `${x}px`;
  card.style.top = `${y}px`;
}

let pinned = -1;

function hideCard() {
  pinned = -1;
  card.hidden = true;
  card.classList.remove("pinned");
  card.setAttribute("role", "tooltip");
  card.removeAttribute("aria-label");
}

/** Pin the card to the selected span, with what can be done. */
function pinCard(index) {
  fillSpanCard(spans[index]);
  const actions = element("div", { className: "actions" });
  const zoomed = element("button", { type: "button", text: "Zoom to span" });
  zoomed.addEventListener("click", () => zoomTo(index));
  const closed = element("button", { type: "button", text: "Close" });
  closed.addEventListener("click", () => {
    select(-1);
    canvas.focus();
  });
  actions.append(zoomed, closed);
  card.append(actions);
  card.classList.add("pinned");
  card.setAttribute("role", "group");
  card.setAttribute("aria-label", `Selected span: ${spans[index].name}`);
  pinned = index;
}

/** Keep the pinned card at its box, wherever that goes; two rows off, so that children are seen. */
function placePinned() {
  if (pinned < 0) return;
  const box = boxes.find((one) => one.span.index === pinned);
  const edge = canvas.getBoundingClientRect();
  const top = box ? edge.top + box.y : -1;
  if (top < 0 || top > window.innerHeight - 20) card.style.visibility = "hidden";
  else placeCard(edge.left + Math.max(box.x, 0), top - 10, top + 3 * ROW);
}

/** Show what is under the mouse; a pinned card stays, so that the mouse can get to its buttons. */
function hover(index, event) {
  const changed = index !== hovered;
  hovered = index;
  if (changed) schedule();
  if (pinned >= 0) return;
  if (index < 0) return changed && hideCard();
  if (changed) fillSpanCard(spans[index]);
  placeCard(event.clientX + 14, event.clientY - 18, event.clientY + 18);
}
