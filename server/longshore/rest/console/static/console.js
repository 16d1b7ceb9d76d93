// The console: what is served, a form for it, and its load.

import { answerTables, largest } from "./answer.js";
import { ask, baseUrl, onSignIn } from "./api.js";
import { byId, element, facts, shapeText } from "./dom.js";
import { Field } from "./field.js";
import { showLoad, showVersions } from "./load.js";

const INTERVAL = 2000;

let model = null;
let isRefreshing = false;
let fields = [];
let texts = {};

async function refresh() {
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    const load = await ask("console/load");
    showState(load);
    showLoad(load);
    showVersions(load);
    if (load.ready && load.version !== model?.version) await showModel();
  } catch (error) {
    tellState(error.message, "bad");
  } finally {
    isRefreshing = false;
  }
}

function showState({ name, ready, version, progress }) {
  byId("title").textContent = name;
  document.title = `${name} · Longshore`;
  if (ready) tellState(`version ${version} answers`, "good");
  else tellState(progress.length ? `loading: ${progress[0]}` : "not ready", "bad");
}

function tellState(text, kind) {
  if (byId("state").textContent === text) return;
  byId("state").textContent = text;
  byId("state").className = kind;
}

async function showModel() {
  const before = model;
  model = await ask("console/model");
  byId("model").replaceChildren(...facts(modelFacts(model)));
  if (formOf(model) === formOf(before)) return; // what was typed stays
  fields = model.inputs.map((spec, number) => new Field(spec, number));
  byId("fields").replaceChildren(...fields.map((field) => field.element));
  await showTexts(body());
}

const formOf = (found) =>
  JSON.stringify(found?.inputs.map(({ name, datatype, shape }) => [name, datatype, shape]));

function modelFacts({ version, platform, inputs, outputs, parameters: found }) {
  const tensors = (specs) => specs.map((spec) =>
    element("div", {}, element("code", {}, spec.name), ` ${spec.datatype} ${shapeText(spec.shape)}`));
  const plan = `${found.instances} × ${found.threads} threads${found.inline ? ", on the event loop" : ""}`;
  return [
    ["Version", `${version}, ${platform}`],
    ["Device", found.device_name ? `${found.device}, ${found.device_name}` : found.device],
    ["Inputs", tensors(inputs)],
    ["Outputs", tensors(outputs)],
    ["Batching", found.batched ? `requests share batches of up to ${found.max_batch_size} rows` : "each request runs alone"],
    ["Plan", `${plan}, ${found.calibration}`],
    ["Why", found.notes.length ? found.notes.map((note) => element("div", {}, note)) : "–"],
  ];
}

const body = () => {
  const entries = fields.map((field) => {
    try {
      return field.entry();
    } catch {
      field.control.focus();
      return null;
    }
  });
  return entries.includes(null) ? null : `{"inputs":[${entries.join(",")}]}`;
};

async function predict(event) {
  event.preventDefault();
  const request = body();
  if (request === null) return tellOutcome("Not sent: a field has to be mended.", "bad");
  byId("send").disabled = true;
  const started = performance.now();
  try {
    const answer = await ask(`v2/models/${encodeURIComponent(model.name)}/infer`, request);
    const time = `${(performance.now() - started).toFixed(1)} ms`;
    const found = largest(answer.outputs[0]);
    tellOutcome(`${found === null ? "Answered" : `Largest: ${found}, answered`} in ${time}`, "good");
    byId("answer").replaceChildren(...answerTables(answer));
    await showTexts(request);
  } catch (error) {
    byId("answer").replaceChildren();
    tellOutcome(error.message, "bad");
  } finally {
    byId("send").disabled = false;
  }
}

function tellOutcome(text, kind) {
  byId("outcome").textContent = text;
  byId("outcome").className = kind;
}

async function showTexts(request) {
  try {
    texts = await ask(`console/examples?base=${encodeURIComponent(baseUrl())}`, request);
  } catch (error) {
    texts = { curl: error.message, python: error.message, tritonclient: error.message };
  }
  showText();
}

function showText() {
  const text = texts[byId("forms").elements.form.value] ?? "";
  if (byId("code").textContent === text) return; // it may be selected, to be copied
  byId("code").textContent = text;
  byId("copied").textContent = "";
}

async function copy() {
  try {
    await navigator.clipboard.writeText(byId("code").textContent);
    byId("copied").textContent = "Copied";
  } catch { // a page without TLS may not write to the clipboard
    getSelection().selectAllChildren(byId("code"));
    byId("copied").textContent = "Selected: copy it by Ctrl+C";
  }
}

byId("predict").addEventListener("submit", predict);
byId("predict").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("predict").requestSubmit();
});
byId("forms").addEventListener("change", showText);
byId("forms").addEventListener("submit", (event) => event.preventDefault());
byId("copy").addEventListener("click", copy);
onSignIn(refresh);
refresh();
setInterval(() => { if (!document.hidden && byId("sign-in").hidden) refresh(); }, INTERVAL);
