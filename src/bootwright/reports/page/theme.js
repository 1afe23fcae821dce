// Colours and hatches for the canvases, read from the style sheet.

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

/** `part` of one colour over another. */
function mixed(color, over, part) {
  const below = channels(over);
  const mix = channels(color).map((value, at) => Math.round(value * part + below[at] * (1 - part)));
  return `rgb(${mix.join(" ")})`;
}

/** Diagonal lines, as a pattern that can be filled with. */
function hatched(color, background, gap, width) {
  const scale = 2; // so that it stays sharp where pixels are small
  const tile = element("canvas", { width: gap * scale, height: gap * scale });
  const context = tile.getContext("2d");
  context.scale(scale, scale);
  if (background) {
    context.fillStyle = background;
    context.fillRect(0, 0, gap, gap);
  }
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  for (const shift of [-gap, 0, gap]) {
    context.moveTo(shift - 1, gap + 1);
    context.lineTo(shift + gap + 1, -1);
  }
  context.stroke();
  const pattern = context.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern;
}

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const panel = color("panel");
  const theme = {
    fill: {}, pale: {}, tint: {}, wait: {},
    void: hatched(mixed(color("void"), panel, 0.75), panel, 6, 1),
  };
  for (const name of ["panel", "ink", "muted", "line", "grid", "accent", "hit", "path"]) {
    theme[name] = color(name);
  }
  theme.onFill = color("on-fill");
  for (const layer of raw.layers) {
    const hue = color(layer);
    theme.fill[layer] = hue;
    theme.pale[layer] = mixed(hue, panel, Number(color("pale")));
    theme.tint[layer] = mixed(hue, panel, 0.16);
    theme.wait[layer] = hatched(hue, mixed(hue, panel, 0.16), 5, 1.6);
  }
  return theme;
}

let theme;

/** `dark`, or `light`. */
function useTheme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = name === "dark" ? "Light theme" : "Dark theme";
  theme = readTheme();
}
