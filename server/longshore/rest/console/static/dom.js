// Elements without markup in strings, so that what a server or a person wrote stays text.

export const byId = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

export const facts = (pairs) =>
  pairs.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, ...[value].flat())));

export const shapeText = (shape) => `[${shape.map((n) => (n === -1 ? "any" : n)).join(", ")}]`;
