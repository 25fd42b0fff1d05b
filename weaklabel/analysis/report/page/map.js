// The map of agreement: a canvas, because two hundred functions are forty thousand cells.

class AgreementMap {
  constructor(canvas, output, data) {
    Object.assign(this, { canvas, output, names: data.functions.map((line) => line.name) });
    this.order = data.agreement.order;
    this.n = this.order.length;
    this.both = square(data.agreement.both, this.n);
    this.agree = square(data.agreement.agree, this.n);
    this.cell = null;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerdown", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.select(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
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
    for (let a = 0; a < this.n; a += 1) {
      for (let b = 0; b < this.n; b += 1) {
        const both = this.both[a][b];
        if (a !== b && !both) continue; // never vote together: left blank
        pen.fillStyle = a === b ? mix(colours, 1, 0.25) : mix(colours, this.agree[a][b] / both, 1);
        pen.fillRect(this.left + b * this.step, a * this.step, this.step - gap, this.step - gap);
      }
    }
    if (named) this.drawNames(pen, colours);
    if (this.cell) this.drawCursor(pen, colours);
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
    if (String(cell) === String(this.cell)) return;
    this.cell = cell;
    this.draw();
    this.output.replaceChildren(...(cell ? this.words(...cell) : ["Point at a cell, or use the arrow keys."]));
  }

  words(a, b) {
    const [first, second] = [this.names[this.order[a]], this.names[this.order[b]]];
    if (a === b) return [el("strong", { class: "data" }, first), el("br"), "with itself"];
    const both = this.both[a][b];
    const said = both
      ? `agree on ${percent(this.agree[a][b] / both)} of the ${count(both)} rows both vote on`
      : "never vote on the same row";
    return [el("strong", { class: "data" }, first), " and ", el("strong", { class: "data" }, second), el("br"), said];
  }
}

function square(upper, n) {
  const rows = Array.from({ length: n }, () => new Array(n).fill(0));
  let k = 0;
  for (let a = 0; a < n; a += 1) {
    for (let b = a + 1; b < n; b += 1) {
      rows[a][b] = rows[b][a] = upper[k];
      k += 1;
    }
  }
  return rows;
}

function mix({ low, mid, high }, share, alpha) {
  const end = share < 0.5 ? low : high;
  const weight = Math.abs(2 * share - 1);
  const channels = mid.map((value, k) => Math.round(value + weight * (end[k] - value)));
  return `rgba(${channels.join(", ")}, ${alpha})`;
}

function shorten(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let kept = text.length;
  while (kept > 1 && pen.measureText(`${text.slice(0, kept)}…`).width > room) kept -= 1;
  return `${text.slice(0, kept)}…`;
}
