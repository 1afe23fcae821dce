// Text on a canvas: measured once for each character, cut with an ellipsis where there is no room.

class Letters {
  constructor(size, weight = 400) {
    this.font = `${weight} ${size}px ${FONT}`;
    this.widths = new Map();
    this.context = document.createElement("canvas").getContext("2d");
    this.context.font = this.font;
  }

  /** As good as measureText, without asking the browser for each label of each frame. */
  width(text) {
    let sum = 0;
    for (const letter of text) {
      let width = this.widths.get(letter);
      if (width === undefined) {
        width = this.context.measureText(letter).width;
        this.widths.set(letter, width);
      }
      sum += width;
    }
    return sum;
  }

  /** The text if it fits, else its beginning and an ellipsis; empty if not even that. */
  cut(text, room) {
    if (this.width(text) <= room) return text;
    const dots = this.width("…");
    let sum = 0;
    let kept = "";
    for (const letter of text) {
      sum += this.width(letter);
      if (sum + dots > room) break;
      kept += letter;
    }
    return kept.length > 2 ? `${kept.trimEnd()}…` : "";
  }
}
