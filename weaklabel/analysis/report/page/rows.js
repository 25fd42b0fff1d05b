// The table of sample rows, and what stands in an opened one.

const REASONS = {
  conflict: "most in conflict",
  unsure: "least sure",
  wrong: "wrong vs gold",
  random: "random",
};

function rowTable(host, data) {
  const { rows, preview } = data.sample;
  const hasLabel = rows.some((row) => known(row.label));
  const hasGold = rows.some((row) => known(row.gold));
  const named = (code) => (code >= 0 ? data.classes[code] : null);
  const confidence = (row) => (row.p && row.votes.length ? row.p[0][1] : null);
  const columns = [
    { name: "Row", value: (row) => row.id, cell: (row) => row.id },
    data.sample.columns.length && {
      name: known(preview) ? data.sample.columns[preview] : "Data",
      value: (row) => tell(row, data), cell: (row) => el("span", { class: "data" }, tell(row, data)), kind: "preview",
    },
    hasLabel && { name: "Label", value: (row) => named(row.label), cell: (row) => labelOf(row, data) },
    hasLabel && { name: "Confidence", numeric: true, left: true, title: "Probability of the most probable class", value: confidence, cell: (row) => withBar(confidence(row), "overlap") },
    hasGold && { name: "Gold", value: (row) => named(row.gold), cell: (row) => goldOf(row, data) },
    { name: "Votes", numeric: true, value: (row) => row.votes.length, cell: (row) => count(row.votes.length) },
    { name: "Against", numeric: true, title: "Share of the votes that are not for the class with most of them", value: (row) => row.against, cell: (row) => percent(row.against), wide: true },
    { name: "Shown as", value: (row) => reasons(row).join(", ") || null, cell: (row) => el("span", { class: "tags" }, reasons(row).map((words) => el("span", { class: "tag" }, words))), wide: true },
  ].filter(Boolean);
  const used = new Set(rows.flatMap((row) => row.why));
  const filters = [
    hasLabel && { id: "label", name: "Label", choices: data.classes.map((name, k) => [String(k), name]).concat([["-1", "none"]]), keep: (row, code) => row.label === Number(code) },
    hasGold && { id: "gold", name: "Gold", choices: data.classes.map((name, k) => [String(k), name]), keep: (row, code) => row.gold === Number(code) },
    { id: "function", name: "Voted on by", choices: data.functions.map((line, j) => [String(j), line.name]), keep: (row, j) => row.votes.some((vote) => vote[0] === Number(j)) },
    { id: "why", name: "Shown as", choices: Object.entries(REASONS).filter(([why]) => used.has(why)), keep: (row, why) => row.why.includes(why) },
    { id: "conflict", name: "in conflict", keep: (row) => row.against > 0 },
    hasLabel && hasGold && { id: "wrong", name: "wrong vs gold", keep: isWrong },
  ].filter(Boolean);
  return new BigTable(host, {
    lines: rows, columns, filters, label: "rows", caption: "Sample rows",
    text: (row) => `${row.id} ${row.cells.join(" ")}`,
    detail: (row) => rowDetail(row, data),
  });
}

const reasons = (row) => row.why.filter((why) => REASONS[why]).map((why) => REASONS[why]);
const isWrong = (row) => row.gold >= 0 && row.label >= 0 && row.gold !== row.label;

function tell(row, data) {
  const { preview, columns } = data.sample;
  if (known(preview)) return row.cells[preview] || "–";
  return columns.map((name, k) => (row.cells[k] === null ? null : `${name} ${row.cells[k]}`)).filter(Boolean).join(" · ").slice(0, 300);
}

function labelOf(row, data) {
  if (row.label >= 0) return el("span", { class: "data" }, data.classes[row.label]);
  return el("span", { class: "dim" }, row.votes.length ? "tie" : "no vote");
}

function goldOf(row, data) {
  if (!(row.gold >= 0)) return el("span", { class: "dim" }, "unknown");
  const name = el("span", { class: "data" }, data.classes[row.gold]);
  return isWrong(row) ? el("span", { class: "bad" }, name, "\u00a0✗", el("span", { class: "unseen" }, " (the label is wrong)")) : name;
}

function rowDetail(row, data) {
  const { columns } = data.sample;
  const fields = columns.length
    ? el("dl", {}, columns.map((name, k) => [
      el("dt", { class: "data" }, name),
      el("dd", { class: "data" }, row.cells[k] === null ? el("span", { class: "dim" }, "missing") : row.cells[k]),
    ]))
    : el("p", { class: "dim" }, "Only the id of this row is known. Pass rows, or --rows ROWS.csv, to see its data.");
  const probabilities = row.p && el("table", {}, el("tbody", {}, row.p.map(([code, p]) =>
    el("tr", {}, el("th", { scope: "row", class: "data" }, data.classes[code]), el("td", {}, withBar(p, "overlap"))))));
  return el("div", { class: "detail-grid" },
    el("div", {}, el("h4", {}, "Data"), fields, probabilities ? [el("h4", {}, "Probabilities"), probabilities] : null),
    el("div", {}, el("h4", {}, "Votes"), explanation(row, data), votesOf(row, data)));
}

function explanation(row, data) {
  if (!row.votes.length) return el("p", { class: "dim" }, "No labeling function votes on this row.");
  if (!known(row.top)) {
    return el("p", { class: "dim" }, "Pass model, or --model MODEL, to see what each vote did to the label.");
  }
  const [top, next] = [data.classes[row.top], data.classes[row.next]];
  const scale = data.sample.scale === "log" ? "in log-odds" : "as a share of the votes";
  const words = [`What each vote adds to ${top}`];
  if (row.top !== row.next) words.push(` against ${next}`);
  words.push(`, ${scale}.`);
  if (row.prior) words.push(` Without votes it would stand at ${signed(row.prior, 2)}.`);
  const decisive = row.votes.filter((vote) => vote[3]).map((vote) => data.functions[vote[0]].name);
  if (decisive.length) {
    words.push(` Without ${decisive.slice(0, 3).join(", or without ")} alone the label would be another.`);
  } else if (row.votes.length > 1) {
    words.push(" No single vote decides it.");
  }
  return el("p", { class: "data" }, words.join(""));
}

function votesOf(row, data) {
  if (!row.votes.length) return null;
  const largest = Math.max(...row.votes.map((vote) => Math.abs(vote[2] || 0)), 1e-9);
  const explained = known(row.top);
  const head = el("tr", {}, el("th", { scope: "col" }, "function"), el("th", { scope: "col" }, "vote"),
    explained ? [el("th", { scope: "col", class: "effect" }, el("span", { class: "unseen" }, "effect as a bar")), el("th", { scope: "col", class: "number" }, "adds")] : null);
  return el("table", {}, el("thead", {}, head), el("tbody", {}, row.votes.map(([lf, symbol, adds, decides]) => el("tr", {},
    el("th", { scope: "row", class: "data" }, breakable(data.functions[lf].name)),
    el("td", { class: "data" }, data.symbols[symbol]),
    explained ? [
      el("td", { class: "effect" }, known(adds) ? effectBar(adds / largest) : el("span", { class: "dim" }, "not used")),
      el("td", { class: "number" }, known(adds) ? signed(adds, 2) : "", decides ? el("span", { class: "bad" }, " decides") : null),
    ] : null))));
}

// To the right for the label, to the left against it.
function effectBar(share) {
  const width = 50 * Math.abs(share);
  return shape("svg", { class: "line", width: "100%", height: 12, "aria-hidden": "true" },
    shape("rect", { x: `${share >= 0 ? 50 : 50 - width}%`, y: 1, width: `${width}%`, height: 10, rx: 2, class: share >= 0 ? "for" : "counter" }),
    shape("line", { x1: "50%", x2: "50%", y1: 0, y2: 12, class: "zero" }));
}
