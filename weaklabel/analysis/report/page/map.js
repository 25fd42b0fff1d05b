// The map of pairs: a canvas, because two hundred functions are forty thousand cells.

const MEASURES = {
  agreement: {
    ends: ["never agree", "always agree"],
    share: (pair) => (pair.both ? pair.agree / pair.both : null),
  },
  dependence: { // a correlation, from -1 to 1
    ends: ["less than the class explains", "more than it explains"],
    share: (pair) => (known(pair.dependence) ? (1 + pair.dependence) / 2 : null),
  },
  overlap: { // of the rows of the one that votes less; the ramp starts in its middle
    ends: ["", "all rows in common"],
    share: (pair) => (pair.both ? 0.5 + pair.both / Math.max(pair.smaller, 1) / 2 : null),
  },
};

class PairMap {
  constructor(canvas, output, chooser, data) {
    Object.assign(this, { canvas, output, chooser, names: data.functions.map((line) => line.name) });
    this.order = data.pairs.order;
    this.n = this.order.length;
    this.pairs = square(data.pairs, this.n);
    this.cell = null;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerdown", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.select(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    chooser.addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
    this.select(null);
    this.draw();
  }

  // Colours come from the style sheet, so the map follows light and dark.
  colours() {
    const stop = (name) => {
      const text = getComputedStyle(document.querySelector(`.ramp .${name}`)).stopColor;
      return text.match(/[\d.]+/g).slice(0, 3).map(Number);
    };
    const body = getComputedStyle(document.body);
    return { low: stop("low"), mid: stop("mid"), high: stop("high"), ink: body.color, font: body.fontFamily };
  }

  draw() {
    const width = this.canvas.parentElement.clientWidth;
    if (!width) return;
    const named = this.n <= 60;
    const pen = this.canvas.getContext("2d");
    const colours = this.colours();
    this.left = named ? Math.min(width * 0.36, this.widestName(pen, colours) + 12) : 0;
    this.step = Math.max(Math.min((width - this.left) / this.n, 36), 1);
    const height = Math.ceil(this.step * this.n) + 1;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    pen.scale(ratio, ratio);
    const gap = this.step > 8 ? 1 : 0;
    const measure = MEASURES[this.chooser.value];
    ["map-low", "map-high"].forEach((id, k) => { document.getElementById(id).textContent = measure.ends[k]; });
    for (let a = 0; a < this.n; a += 1) {
      for (let b = 0; b < this.n; b += 1) {
        if (a === b) {
          this.drawSelf(pen, colours, a);
          continue;
        }
        const share = measure.share(this.pairs[a][b]);
        if (share === null) continue; // nothing is known of the pair: left blank
        pen.fillStyle = mix(colours, share);
        pen.fillRect(this.left + b * this.step, a * this.step, this.step - gap, this.step - gap);
      }
    }
    if (named) this.drawNames(pen, colours);
    if (this.cell) this.drawCursor(pen, colours);
  }

  // The diagonal is no pair: a small mark to read along.
  drawSelf(pen, colours, a) {
    const size = Math.max(this.step * 0.3, 1);
    const inset = (this.step - size) / 2;
    pen.globalAlpha = 0.4;
    pen.fillStyle = colours.ink;
    pen.fillRect(this.left + a * this.step + inset, a * this.step + inset, size, size);
    pen.globalAlpha = 1;
  }

  widestName(pen, colours) {
    pen.font = `13px ${colours.font}`;
    return Math.max(...this.names.map((name) => pen.measureText(name).width));
  }

  drawNames(pen, colours) {
    pen.font = `${Math.min(13, Math.max(this.step - 1, 7))}px ${colours.font}`;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillStyle = colours.ink;
    for (let a = 0; a < this.n; a += 1) {
      pen.fillText(shorten(pen, this.names[this.order[a]], this.left - 10), this.left - 7, (a + 0.5) * this.step);
    }
  }

  drawCursor(pen, colours) {
    const [a, b] = this.cell;
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.35;
    pen.strokeRect(this.left, a * this.step - 0.5, this.n * this.step, this.step);
    pen.strokeRect(this.left + b * this.step - 0.5, 0, this.step, this.n * this.step);
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.strokeRect(this.left + b * this.step, a * this.step, this.step, this.step);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const b = Math.floor((event.clientX - box.left - this.left) / this.step);
    const a = Math.floor((event.clientY - box.top) / this.step);
    const inside = a >= 0 && b >= 0 && a < this.n && b < this.n;
    this.select(inside ? [a, b] : null);
  }

  key(event) {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    const from = this.cell || [0, 0];
    const next = this.cell ? from.map((at, k) => Math.min(Math.max(at + move[k], 0), this.n - 1)) : [0, Math.min(1, this.n - 1)];
    this.select(next);
  }

  select(cell) {
    if (cell && String(cell) === String(this.cell)) return;
    this.cell = cell;
    this.draw();
    this.output.replaceChildren(...(cell ? this.words(...cell) : ["Point at a cell, or use the arrow keys, to see a pair."]));
  }

  words(a, b) {
    const name = (at) => el("strong", { class: "data" }, this.names[this.order[at]]);
    if (a === b) return [name(a), el("br"), "with itself"];
    const pair = this.pairs[a][b];
    const said = pair.both
      ? `agree on ${percent(pair.agree / pair.both)} of the ${count(pair.both)} rows both vote on`
      : "never vote on the same row";
    const more = known(pair.dependence) ? [el("br"), `dependence ${signed(pair.dependence, 2)}`] : [];
    return [name(a), " and ", name(b), el("br"), said, ...more];
  }
}

// Upper triangles, row by row, as a square of pairs.
function square({ both, agree, dependence, votes }, n) {
  const rows = Array.from({ length: n }, () => new Array(n).fill(null));
  let k = 0;
  for (let a = 0; a < n; a += 1) {
    for (let b = a + 1; b < n; b += 1) {
      rows[a][b] = rows[b][a] = {
        both: both[k], agree: agree[k], dependence: dependence && dependence[k], smaller: Math.min(votes[a], votes[b]),
      };
      k += 1;
    }
  }
  return rows;
}

function mix({ low, mid, high }, share) {
  const end = share < 0.5 ? low : high;
  const weight = Math.abs(2 * share - 1);
  const channels = mid.map((value, k) => Math.round(value + weight * (end[k] - value)));
  return `rgb(${channels.join(", ")})`;
}

function shorten(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let kept = text.length;
  while (kept > 1 && pen.measureText(`${text.slice(0, kept)}…`).width > room) kept -= 1;
  return `${text.slice(0, kept)}…`;
}
