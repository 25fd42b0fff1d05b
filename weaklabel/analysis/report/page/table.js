// A table that sorts, searches, pages and opens lines; it draws only the lines of one page.
//
// columns: { name, title, value(line) to sort by, cell(line) text or node, numeric, wide, head }
// options: { lines, columns, text(line) to search in, detail(line), filters, label, size }

class BigTable {
  constructor(host, options) {
    Object.assign(this, { size: 25, filters: [] }, options, { host });
    this.page = 0;
    this.order = null; // { column, descending }
    this.opened = new Set();
    this.haystack = this.lines.map((line) => this.text(line).toLowerCase());
    this.build();
    this.refresh();
  }

  build() {
    this.search = el("input", {
      type: "search", autocomplete: "off", spellcheck: "false",
      on: {
        input: () => this.refresh(),
        keydown: (event) => {
          if (event.key === "Escape" && this.search.value) {
            this.search.value = "";
            this.refresh();
          }
        },
      },
    });
    const tools = el("div", { class: "tools" }, el("label", {}, `Search ${this.label}`, this.search));
    for (const filter of this.filters) tools.append(this.buildFilter(filter));
    this.clear = el("button", { type: "button", class: "quiet", hidden: true, on: { click: () => this.reset() } }, "Clear");
    tools.append(this.clear);

    const head = el("tr", {}, this.columns.map((column) => this.buildHead(column)));
    this.body = el("tbody", { on: { click: (event) => this.clicked(event), keydown: (event) => this.moved(event) } });
    const table = el("table", { class: "sortable" }, el("caption", { class: "unseen" }, this.caption), el("thead", {}, head), this.body);
    this.region = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": this.caption }, table);

    this.status = el("span", { role: "status" });
    this.previous = el("button", { type: "button", class: "quiet", on: { click: () => this.turn(-1) } }, "Previous");
    this.next = el("button", { type: "button", class: "quiet", on: { click: () => this.turn(1) } }, "Next");
    this.sizes = el("select", { on: { change: () => this.resize(Number(this.sizes.value)) } },
      [25, 50, 100, 0].map((n) => el("option", { value: n, selected: n === this.size }, n || "all")));
    const pager = el("div", { class: "pager" }, this.status, el("span", { class: "space" }),
      el("label", {}, "Lines", this.sizes), this.previous, this.next);
    this.host.replaceChildren(tools, this.region, pager);
  }

  buildHead(column) {
    const button = el("button", { type: "button", title: column.title, on: { click: () => this.sort(column) } }, column.name);
    column.th = el("th", { scope: "col", class: classes(column) }, button);
    return column.th;
  }

  buildFilter(filter) {
    const changed = () => { this.page = 0; this.refresh(); };
    if (!filter.choices) {
      filter.input = el("input", { type: "checkbox", on: { change: changed } });
      return el("label", { class: "check" }, filter.input, filter.name);
    }
    filter.input = el("select", { "aria-label": filter.name, on: { change: changed } }, el("option", { value: "" }, "any"),
      filter.choices.map(([value, words]) => el("option", { value }, words)));
    return el("label", {}, filter.name, filter.input);
  }

  value(filter) {
    return filter.choices ? filter.input.value : filter.input.checked;
  }

  reset() {
    this.search.value = "";
    for (const filter of this.filters) {
      if (filter.choices) filter.input.value = "";
      else filter.input.checked = false;
    }
    this.refresh();
    this.search.focus();
  }

  // Filter by one choice, from elsewhere on the page.
  choose(filterName, value) {
    for (const filter of this.filters) {
      if (filter.choices) filter.input.value = filter.id === filterName ? value : "";
      else filter.input.checked = false;
    }
    this.search.value = "";
    this.refresh();
  }

  refresh() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = this.filters.filter((filter) => this.value(filter));
    this.found = this.lines.map((_, i) => i).filter((i) =>
      words.every((word) => this.haystack[i].includes(word)) &&
      active.every((filter) => filter.keep(this.lines[i], this.value(filter))));
    this.clear.hidden = !words.length && !active.length;
    this.page = 0;
    this.arrange();
  }

  sort(column) {
    const again = this.order && this.order.column === column;
    this.order = { column, descending: again ? !this.order.descending : Boolean(column.numeric) };
    for (const other of this.columns) other.th.removeAttribute("aria-sort");
    column.th.setAttribute("aria-sort", this.order.descending ? "descending" : "ascending");
    this.page = 0;
    this.arrange();
  }

  arrange() {
    if (this.order) {
      const { column, descending } = this.order;
      const values = new Map(this.found.map((i) => [i, column.value(this.lines[i])]));
      const sign = descending ? -1 : 1;
      this.found.sort((a, b) => {
        const [x, y] = [values.get(a), values.get(b)];
        if (!known(x) || !known(y)) return known(y) - known(x) || a - b; // the unknown come last
        return sign * (column.numeric ? x - y : collator.compare(x, y)) || a - b;
      });
    } else {
      this.found.sort((a, b) => a - b);
    }
    this.draw();
  }

  resize(size, atOnce = false) {
    this.size = size;
    this.page = 0;
    this.draw(atOnce);
  }

  turn(step) {
    this.page += step;
    this.draw();
    this.region.scrollIntoView({ block: "nearest" });
  }

  draw(atOnce = false) {
    const size = this.size || Math.max(this.found.length, 1);
    const start = this.page * size;
    const shown = this.found.slice(start, start + size);
    const first = atOnce ? shown.length : AT_ONCE;
    this.body.replaceChildren(...shown.slice(0, first).flatMap((i) => this.drawLine(i)));
    this.drawRest(shown.slice(first));
    if (!shown.length) {
      this.body.append(el("tr", {}, el("td", { colspan: this.columns.length, class: "dim" }, "Nothing is like that.")));
    }
    const of = this.found.length === this.lines.length ? count(this.lines.length)
      : `${count(this.found.length)} found of ${count(this.lines.length)}`;
    this.status.textContent = shown.length ? `${count(start + 1)}–${count(start + shown.length)} of ${of}` : `0 of ${of}`;
    this.previous.disabled = this.page === 0;
    this.next.disabled = start + size >= this.found.length;
  }

  // Thousands of lines come in portions, so that the page answers meanwhile.
  drawRest(lines) {
    clearTimeout(this.waiting);
    if (!lines.length) return;
    this.waiting = setTimeout(() => {
      this.body.append(...lines.slice(0, AT_ONCE).flatMap((i) => this.drawLine(i)));
      this.drawRest(lines.slice(AT_ONCE));
    });
  }

  drawLine(i) {
    const line = this.lines[i];
    const open = this.opened.has(i);
    const cells = this.columns.map((column, k) => {
      if (k > 0) return el("td", { class: classes(column) }, column.cell(line));
      const opener = el("button", { type: "button", class: "opener", "aria-expanded": String(open) },
        el("span", { class: "data" }, column.cell(line)));
      return el("th", { scope: "row", class: classes(column) }, opener);
    });
    const row = el("tr", { class: open ? "line open" : "line", "data-line": i }, cells);
    return open ? [row, this.drawDetail(i)] : [row];
  }

  drawDetail(i) {
    return el("tr", { class: "detail" }, el("td", { colspan: this.columns.length }, this.detail(this.lines[i])));
  }

  clicked(event) {
    const row = event.target.closest("tr.line");
    const chosen = document.getSelection();
    if (!row || event.target.closest("a") || (chosen && String(chosen))) return;
    this.toggle(row);
  }

  toggle(row) {
    const i = Number(row.dataset.line);
    const open = !this.opened.has(i);
    if (open) this.opened.add(i);
    else this.opened.delete(i);
    row.classList.toggle("open", open);
    row.querySelector(".opener").setAttribute("aria-expanded", String(open));
    if (open) row.after(this.drawDetail(i));
    else row.nextElementSibling.remove();
  }

  // Arrow keys go from line to line.
  moved(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.classList.contains("opener")) return;
    const openers = [...this.body.querySelectorAll(".opener")];
    const next = openers[openers.indexOf(event.target) + step];
    if (next) {
      next.focus();
      event.preventDefault();
    }
  }
}

const AT_ONCE = 300;
const collator = new Intl.Collator("en", { numeric: true });

function classes(column) {
  return [column.numeric && !column.left && "number", column.wide && "from-tablet", column.kind].filter(Boolean).join(" ") || null;
}
