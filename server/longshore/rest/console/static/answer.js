// Outputs as tables.

import { element, shapeText } from "./dom.js";

const MOST_ROWS = 20;
const MOST_COLUMNS = 50;

export function answerTables(answer) {
  return answer.outputs.flatMap((output, number) => {
    const title = element("h3", { id: `output-${number}` }, `${output.name} `,
      element("span", { class: "hint" }, `${output.datatype} ${shapeText(output.shape)}`));
    const region = { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": title.id };
    return [title, element("div", region, table(output))];
  });
}

// Which element of the only row of scores is largest; null where there is no such row.
export function largest(output) {
  const isScores = output.datatype.startsWith("FP") && output.data.length > 2;
  return isScores && rowsOf(output).length === 1 ? indexOfLargest(output.data) : null;
}

function table(output) {
  const rows = rowsOf(output);
  if (rows.length === 1 && rows[0].length > 1) return column(rows[0], output);
  const width = Math.min(MOST_COLUMNS, rows[0]?.length ?? 0);
  const head = element("tr", {}, element("th", { scope: "col" }, "Row"),
    ...Array.from({ length: width }, (_, n) => element("th", { scope: "col" }, String(n))));
  const lines = rows.slice(0, MOST_ROWS).map((row, n) => {
    const most = output.datatype.startsWith("FP") && row.length > 2 ? indexOfLargest(row) : -1;
    return element("tr", {}, element("th", { scope: "row" }, String(n)),
      ...row.slice(0, width).map((value, at) => cell(value, at === most)));
  });
  return whole(head, lines, rows.length > MOST_ROWS || (rows[0]?.length ?? 0) > width);
}

function column(row, output) {
  const most = largest(output) ?? -1;
  const head = element("tr", {}, element("th", { scope: "col" }, "Index"), element("th", { scope: "col" }, "Value"));
  const lines = row.slice(0, MOST_COLUMNS).map((value, n) =>
    element("tr", {}, element("th", { scope: "row" }, String(n)), cell(value, n === most)));
  return whole(head, lines, row.length > MOST_COLUMNS);
}

function whole(head, lines, isCut) {
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
  if (isCut) made.append(element("caption", { class: "hint" }, "Cut: the whole answer has more."));
  return made;
}

function cell(value, isLargest) {
  const text = typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  const kind = `${typeof value === "number" ? "number" : ""} ${isLargest ? "largest" : ""}`.trim();
  return element("td", { class: kind || null }, String(text));
}

function rowsOf({ shape, data }) {
  const width = shape.length ? shape.slice(1).reduce((a, b) => a * b, 1) : data.length;
  if (!width) return [];
  return Array.from({ length: data.length / width }, (_, n) => data.slice(n * width, (n + 1) * width));
}

const indexOfLargest = (values) =>
  values.reduce((best, value, n) => (value !== null && value > (values[best] ?? -Infinity) ? n : best), 0);
