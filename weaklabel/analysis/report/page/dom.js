// Making elements. Text of the data only ever becomes a text node or an attribute, never markup.

function el(name, attributes, ...children) {
  const node = document.createElement(name);
  setAll(node, attributes);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function shape(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  setAll(node, attributes);
  node.append(...children);
  return node;
}

function setAll(node, attributes) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(key, value === true ? "" : value);
    }
  }
}

// Names break after an underscore or a point, where they must.
const breakable = (text) => text.split(/(?<=[_.])/).flatMap((piece, k) => (k ? [el("wbr"), piece] : [piece]));

const known = (value) => value !== null && value !== undefined;
const count = (value) => (known(value) ? value.toLocaleString("en-US") : "–");
const percent = (value) => {
  if (!known(value)) return "–";
  return value > 0 && value < 0.0005 ? "<0.1%" : `${(100 * value).toFixed(1)}%`;
};
const fixed = (value, digits) => (known(value) ? value.toFixed(digits).replace("-", "−") : "–");
const signed = (value, digits) =>
  known(value) ? (value >= 0 ? "+" : "−") + Math.abs(value).toFixed(digits) : "–";

function shareBar(value, kind) {
  return shape(
    "svg",
    { class: "line", width: "100%", height: 8, "aria-hidden": "true" },
    shape("rect", { width: "100%", height: "100%", rx: 2, class: "track" }),
    shape("rect", { width: `${100 * Math.min(Math.max(value, 0), 1)}%`, height: "100%", rx: 2, class: kind }),
  );
}

function withBar(value, kind, full = 1) {
  if (!known(value)) return "–";
  return el("span", { class: "cell-bar" }, el("span", { class: "number" }, percent(value)), shareBar(value / full, kind));
}
