// The OpenAPI document of this server as a page.

import { ask, onSignIn } from "./api.js";
import { byId, element } from "./dom.js";

const REFERENCE = "#/components/schemas/";

async function show() {
  try {
    const found = await ask("openapi.json");
    byId("title").textContent = found.info.title;
    byId("state").textContent = `OpenAPI ${found.openapi}, version ${found.info.version} of the model`;
    const operations = Object.entries(found.paths).flatMap(([path, item]) =>
      Object.entries(item).filter(([method]) => method !== "parameters")
        .map(([method, operation]) => operationDetails(path, method, operation, item.parameters ?? [])));
    byId("paths").replaceChildren(...operations);
    byId("schemas").replaceChildren(...Object.entries(found.components.schemas).map(schemaDetails));
  } catch (error) {
    byId("state").textContent = error.message;
    byId("state").className = "bad";
  }
}

function operationDetails(path, method, operation, shared) {
  const title = element("summary", {}, element("b", {}, method.toUpperCase()), " ",
    element("code", {}, path), ` ${operation.summary}`);
  const parts = [title];
  const parameters = [...shared, ...(operation.parameters ?? [])];
  if (parameters.length) parts.push(element("h3", {}, "Parameters"), parameterTable(parameters));
  if (operation.requestBody) {
    parts.push(element("h3", {}, "Body"), contents(operation.requestBody.content));
    const example = operation.requestBody.content["application/json"]?.example;
    if (example) parts.push(element("h3", {}, "Example"), code(JSON.stringify(example), `Example of ${path}`));
  }
  parts.push(element("h3", {}, "Answers"), answerTable(operation.responses));
  return element("details", {}, ...parts);
}

const parameterTable = (parameters) =>
  table(["Name", "In", "What"], parameters.map((p) => [p.name, p.in, p.description ?? ""]));

const answerTable = (responses) =>
  table(["Status", "What"], Object.entries(responses).map(([status, answer]) =>
    [status, element("span", {}, answer.description, " ", contents(answer.content ?? {}))]));

function contents(found) {
  return element("span", {}, ...Object.entries(found).flatMap(([type, { schema }]) => {
    const name = schema?.$ref?.replace(REFERENCE, "");
    return name ? [`${type}: `, element("a", { href: `#schema-${name}` }, name), ". "] : [`${type}. `];
  }));
}

const schemaDetails = ([name, schema]) =>
  element("details", { id: `schema-${name}` }, element("summary", {}, element("code", {}, name)),
    code(JSON.stringify(schema, null, 2), `Schema ${name}`));

const code = (text, label) =>
  element("pre", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, text);

const table = (titles, rows) =>
  element("div", { class: "scroll" }, element("table", {},
    element("thead", {}, element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((value) => element("td", {}, value)))))));

// A link to a schema opens it.
addEventListener("hashchange", () => {
  const target = byId(decodeURIComponent(location.hash.slice(1)));
  if (target) target.open = true;
});
onSignIn(show);
show();
