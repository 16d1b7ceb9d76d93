// A field of the form for each input of the model, and what it sends.

import { element, shapeText } from "./dom.js";
import { imageControls } from "./image.js";

const INTEGER = /^-?\d+$/;

export class Field {
  constructor(spec, number) {
    this.spec = spec;
    this.image = null; // {shape, data} of a file
    this.id = `input-${number}`;
    this.kind = kindOf(spec);
    this.control = this.#control();
    this.problem = element("p", { id: `${this.id}-problem`, class: "wrong", role: "alert" });
    const hint = element("p", { id: `${this.id}-hint`, class: "hint" }, this.#hint());
    this.control.setAttribute("aria-describedby", `${hint.id} ${this.problem.id}`);
    this.control.addEventListener("input", () => { this.image = null; });
    const label = element("label", { for: this.id }, spec.name);
    this.element = element("div", { class: "field" }, label, hint, this.control, this.problem);
    if (spec.image) this.element.append(imageControls(this));
  }

  // The entry of `inputs` as JSON text: numbers stay as they were typed. Throws what is wrong.
  entry() {
    this.tell("");
    try {
      const { shape, data } = this.image ?? this.#typed();
      const { name, datatype } = this.spec;
      const head = JSON.stringify({ name, shape, datatype });
      return `${head.slice(0, -1)},"data":${data}}`;
    } catch (error) {
      this.tell(error.message);
      throw error;
    }
  }

  tell(problem) {
    this.problem.textContent = problem;
    this.control.setAttribute("aria-invalid", String(problem !== ""));
  }

  #typed() {
    const text = this.control.value;
    const { example, shape, datatype } = this.spec;
    if (text.trim() === "" && this.#isRepeated()) {
      const one = JSON.stringify(example.elements[0]);
      return { shape: example.shape, data: `[${Array(example.count).fill(one).join(",")}]` };
    }
    if (this.kind === "lines") {
      const lines = text.replace(/\n$/, "").split("\n");
      return { shape: fitted([lines.length], shape), data: JSON.stringify(lines) };
    }
    if (this.kind === "number") {
      const isWhole = /INT/.test(datatype);
      if (!(isWhole ? INTEGER.test(text.trim()) : text.trim() !== "" && Number.isFinite(Number(text)))) {
        throw new Error(`${text.trim() || "Nothing"} is not a ${isWhole ? "whole " : ""}number.`);
      }
      return { shape: fitted([], shape), data: `[${isWhole ? text.trim() : Number(text)}]` };
    }
    let values;
    try {
      values = JSON.parse(text);
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}`);
    }
    if (!Array.isArray(values)) return { shape: fitted([], shape), data: `[${text}]` };
    const found = nesting(values);
    const wanted = fitted(found, shape);
    const isAsFound = wanted.length === found.length && wanted.every((n, axis) => n === found[axis]);
    return { shape: wanted, data: isAsFound ? text : `[${flatText(text)}]` };
  }

  #isRepeated() {
    return this.spec.example.elements.length !== this.spec.example.count;
  }

  #control() {
    const { example } = this.spec;
    const attributes = { id: this.id, spellcheck: "false", autocomplete: "off" };
    if (this.kind === "number") {
      const mode = /INT/.test(this.spec.datatype) ? "numeric" : "decimal";
      return element("input", { ...attributes, inputmode: mode, value: example.elements[0] });
    }
    const area = element("textarea", attributes);
    if (this.#isRepeated()) {
      area.placeholder = `Empty: ${JSON.stringify(example.elements[0])}, ${example.count} times`;
    } else if (this.kind === "lines") {
      area.value = example.elements.join("\n");
    } else {
      area.value = nested(example.elements, example.shape);
    }
    return area;
  }

  #hint() {
    const what = { lines: "each line is an element", number: "a number", json: "JSON" }[this.kind];
    const or = this.spec.image ? ", or an image" : "";
    return `${this.spec.datatype} ${shapeText(this.spec.shape)}: ${what}${or}`;
  }
}

function kindOf({ datatype, shape, example }) {
  const row = shape.slice(1);
  const isOne = row.every((size) => size === 1);
  if (datatype === "BYTES") return shape.length && isOne && example.elements.every((e) => typeof e === "string") ? "lines" : "json";
  return datatype !== "BOOL" && isOne && (shape.length === 0 || shape[0] === 1 || shape.length > 1) ? "number" : "json";
}

const product = (sizes) => sizes.reduce((a, b) => a * b, 1);

const fits = (found, wanted) =>
  found.length === wanted.length && wanted.every((size, axis) => size === -1 || size === found[axis]);

// As `longshore predict` arranges values: as they are, as one row, or row by row.
export function fitted(found, wanted) {
  const candidates = [found, [1, ...found]];
  const rest = wanted.slice(1);
  if (wanted.length && !rest.includes(-1)) {
    const row = product(rest);
    const size = product(found);
    if (found.length && product(found.slice(1)) === row) candidates.push([found[0], ...rest]);
    if (row && size % row === 0 && (found.length < 2 || size === row)) candidates.push([size / row, ...rest]);
  }
  const shape = candidates.find((candidate) => fits(candidate, wanted));
  if (!shape) throw new Error(`The shape ${shapeText(found)} does not fit; the model takes ${shapeText(wanted)}.`);
  return shape;
}

function nesting(values) {
  const shape = [];
  for (let level = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  const check = (level, axis) => {
    if (axis === shape.length) {
      if (Array.isArray(level)) throw new Error("The lists are not nested alike.");
    } else if (!Array.isArray(level) || level.length !== shape[axis]) {
      throw new Error(`On axis ${axis} there is not a list of ${shape[axis]} everywhere.`);
    } else {
      level.forEach((item) => check(item, axis + 1));
    }
  };
  check(values, 0);
  return shape;
}

// Without the brackets, but for those in texts.
const flatText = (text) =>
  text.replace(/"(?:[^"\\]|\\.)*"|[[\]]/g, (part) => (part.length === 1 ? "" : part));

function nested(elements, shape) {
  if (!shape.length) return JSON.stringify(elements[0]);
  const build = (offset, axis, indent) => {
    if (axis === shape.length - 1) return JSON.stringify(elements.slice(offset, offset + shape[axis]));
    const step = product(shape.slice(axis + 1));
    const items = Array.from({ length: shape[axis] }, (_, n) => build(offset + n * step, axis + 1, indent + 1));
    return `[${items.join(`,\n${" ".repeat(indent)}`)}]`;
  };
  return build(0, 0, 1);
}
