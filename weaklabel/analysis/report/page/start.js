// Putting it together: tables, map, theme, keys.

const data = JSON.parse(document.getElementById("data").textContent);
const tables = [];
let rowsTable = null;

const functionHost = document.getElementById("function-table");
if (functionHost) {
  tables.push(functionTable(functionHost, data, (line) => {
    rowsTable.choose("function", String(data.functions.indexOf(line)));
    document.getElementById("rows").scrollIntoView();
    rowsTable.search.focus({ preventScroll: true });
  }));
}
const rowHost = document.getElementById("row-table");
if (rowHost) {
  rowsTable = rowTable(rowHost, data);
  tables.push(rowsTable);
}

const canvas = document.getElementById("map");
const map = canvas && new PairMap(canvas, document.getElementById("map-cell"), document.getElementById("map-measure"), data);

const system = window.matchMedia("(prefers-color-scheme: dark)");
const theme = document.getElementById("theme");
const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";

function themed() {
  theme.textContent = isDark() ? "Light" : "Dark";
  theme.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  if (map) map.draw();
}
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  themed();
});
system.addEventListener("change", themed);
window.matchMedia("print").addEventListener("change", themed); // paper is always light
themed();

// The slash goes to the search of the table that is in sight.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  const middle = window.innerHeight / 2;
  const distance = (table) => {
    const box = table.host.getBoundingClientRect();
    return Math.max(box.top - middle, middle - box.bottom, 0);
  };
  const nearest = [...tables].sort((a, b) => distance(a) - distance(b))[0];
  if (nearest) {
    event.preventDefault();
    nearest.search.focus();
    nearest.search.select();
  }
});

// On paper all functions are wanted, not the first page of them.
let sizes = null;
window.addEventListener("beforeprint", () => {
  sizes = tables.map((table) => table.size);
  if (functionHost) tables[0].resize(0, true);
});
window.addEventListener("afterprint", () => tables.forEach((table, k) => table.resize(sizes[k])));
