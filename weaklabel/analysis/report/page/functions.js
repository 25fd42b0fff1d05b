// The table of labeling functions.

function functionTable(host, data, showRowsOf) {
  const has = (name) => data.functions.some((line) => known(line[name]));
  const widest = Math.max(...data.functions.map((line) => line.coverage), 1e-9);
  const range = (line, name) => {
    const [low, high] = [line[`${name}_low`], line[`${name}_high`]];
    if (!known(line[name])) return "–";
    const interval = known(low) ? el("span", { class: "dim" }, ` ${Math.round(100 * low)}–${Math.round(100 * high)}`) : null;
    return el("span", {}, percent(line[name]), interval);
  };
  const number = (name, heading, title, cell) => ({
    name: heading, title, numeric: true, value: (line) => line[name], cell: cell || ((line) => count(line[name])),
  });
  const columns = [
    { name: "Labeling function", value: (line) => line.name, cell: (line) => breakable(line.name), kind: "named" },
    { name: "Votes for", value: (line) => line.polarity.join(", "), cell: (line) => polarity(line, data.classes), kind: "data" },
    number("votes", "Votes", "Rows it votes on"),
    { ...number("coverage", "Coverage", "Share of the rows it votes on", (line) => withBar(line.coverage, "overlap", widest)), left: true },
    { ...number("overlap", "Overlap", "Share of the rows where another one votes too", (line) => percent(line.overlap)), wide: true },
    { ...number("conflict", "Conflict", "Share of the rows where another one disagrees", (line) => percent(line.conflict)), wide: true },
    has("learned") && number("learned", "Learned accuracy", "Share of its votes that are right, as the model believes; 90% interval where the model gives one", (line) => range(line, "learned")),
    has("weight") && number("weight", "Weight", "Log-odds that one vote of it adds for what it votes", (line) => signed(line.weight, 2)),
    has("counts_as") && number("counts_as", "Counts as", "What one vote of it counts after the discount for copies; 1 for one that repeats nobody", (line) => fixed(line.counts_as, 2)),
    has("gold") && number("gold", "Right on gold", "Share of its votes on rows with gold that are right; 95% interval (Wilson)", (line) => range(line, "gold")),
    data.functions.some((line) => known(line.n_gold) && line.n_gold !== line.votes) && { ...number("n_gold", "Of", "Votes on rows with gold"), wide: true },
    has("ms") && number("ms", "ms / 1,000", "Milliseconds for 1,000 rows", (line) => fixed(line.ms, 1)),
    data.functions.some((line) => line.faults) && number("faults", "Faults", "Rows on which it failed and abstained"),
  ].filter(Boolean);
  return new BigTable(host, {
    lines: data.functions, columns, label: "functions", caption: "Labeling functions",
    size: data.functions.length <= 50 ? 50 : 25,
    text: (line) => `${line.name} ${line.polarity.join(" ")} ${line.fault || ""}`,
    filters: [{
      name: "Votes for", choices: data.classes.map((name) => [name, name]),
      keep: (line, name) => line.polarity.includes(name),
    }],
    detail: (line) => functionDetail(line, data, showRowsOf),
  });
}

function polarity(line, classNames) {
  const names = line.polarity;
  if (!names.length) return el("span", { class: "dim" }, "nothing");
  if (names.length === classNames.length && names.length > 2) return `all\u00a0${names.length}`;
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

function functionDetail(line, data, showRowsOf) {
  const total = Math.max(line.votes, 1);
  const said = el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "vote"),
    el("th", { scope: "col", class: "number" }, "rows"), el("th", { scope: "col" }, "share of its votes"))),
    el("tbody", {}, line.by_symbol.map(([symbol, n]) => el("tr", {},
      el("td", { class: "data" }, data.symbols[symbol]), el("td", { class: "number" }, count(n)), el("td", {}, withBar(n / total, "overlap"))))));
  const notes = [];
  if (known(line.as_constant) && line.as_constant < 0.9) notes.push(`Discounted to ${percent(line.as_constant)} for saying the same of nearly every row.`);
  if (known(line.as_noise) && line.as_noise < 0.9) notes.push(`Discounted to ${percent(line.as_noise)} for agreeing with nobody more than by chance.`);
  if (known(line.counts_as) && line.counts_as < 0.9) notes.push(`Discounted to ${percent(line.counts_as)} for repeating others.`);
  if (line.fault) notes.push(`Failed on ${count(line.faults)} rows; first on ${line.fault}`);
  return el("div", { class: "detail-grid" },
    el("div", {}, el("h4", {}, "What it votes"), line.votes ? said : el("p", {}, "It never votes.")),
    el("div", {},
      notes.length ? el("h4", {}, "To know") : null,
      notes.map((note) => el("p", { class: "data" }, note)),
      el("h4", {}, "Rows"),
      el("button", { type: "button", class: "quiet", on: { click: () => showRowsOf(line) } }, "Show the sample rows it votes on")));
}
