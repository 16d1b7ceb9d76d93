// What the server does now, from running totals.

import { byId, element, facts } from "./dom.js";

const WINDOW = 5; // samples
const HISTORY = 60;

const samples = [];
const history = [];

export function showLoad(sample) {
  const last = samples.at(-1);
  if (last && sample.requests < last.requests) samples.length = 0; // another process answers
  samples.push(sample);
  if (last && samples.length > 1) {
    history.push((sample.requests - last.requests) / (sample.seconds - last.seconds));
  }
  samples.splice(0, samples.length - WINDOW - 1);
  history.splice(0, history.length - HISTORY);
  byId("load").replaceChildren(...facts(figures(samples[0], sample)));
  showHistory();
}

function figures(first, now) {
  const seconds = now.seconds - first.seconds;
  const counts = now.latency_counts.map((count, n) => count - (first.latency_counts[n] ?? 0));
  const rows = now.rows - first.rows;
  const executions = now.executions - first.executions;
  const p50 = quantile(0.5, counts, now.latency_buckets_seconds);
  const p99 = quantile(0.99, counts, now.latency_buckets_seconds);
  const shares = Object.entries(now.resource_seconds).map(([name, total]) =>
    [(total - first.resource_seconds[name]) / seconds, name]).sort((a, b) => b[0] - a[0]);
  const [share, resource] = seconds ? shares[0] : [NaN, ""];
  const full = share >= 0.005 ? ` of ${resource.replace("_", " ")}` : "";
  return [
    ["Requests a second", seconds ? rate((now.requests - first.requests) / seconds) : "–"],
    ["Latency, p50", milliseconds(p50)],
    ["Latency, p99", milliseconds(p99)],
    ["Rows in a batch", executions ? (rows / executions).toFixed(1) : "–"],
    ["Utilization", [Number.isNaN(share) ? "–" : `${(100 * share).toFixed(0)} %`,
      element("span", { class: "hint" }, full)]],
    ["In flight", [String(now.inflight), element("span", { class: "hint" }, ` ${now.pending} waiting`)]],
  ];
}

const rate = (value) => (value < 10 ? value.toFixed(1) : value.toFixed(0));

const milliseconds = (seconds) => (seconds === null ? "–" : `${(1000 * seconds).toPrecision(2)} ms`);

// Within a bucket by interpolation, as Prometheus's histogram_quantile; null without requests.
export function quantile(share, counts, bounds) {
  const total = counts.reduce((a, b) => a + b, 0);
  if (!total) return null;
  let before = 0;
  for (let n = 0; n < bounds.length; n += 1) {
    if (before + counts[n] >= share * total) {
      const low = n ? bounds[n - 1] : 0;
      return low + ((bounds[n] - low) * (share * total - before)) / counts[n];
    }
    before += counts[n];
  }
  return bounds.at(-1);
}

function showHistory() {
  const most = Math.max(1, ...history);
  const points = history.map((value, n) => `${HISTORY - history.length + n},${19 - (18 * value) / most}`);
  byId("history").firstElementChild.setAttribute("points", points.join(" "));
  byId("history-text").textContent = `Requests a second over the last 2 minutes; at most ${rate(Math.max(0, ...history))}`;
}

export function showVersions({ versions, problems, progress }) {
  byId("versions").replaceChildren(...versions.map((row) =>
    element("tr", {}, element("th", { scope: "row" }, row.version),
      element("td", { class: row.ready ? "good" : "bad" }, row.state),
      element("td", {}, row.reason || "–"))));
  byId("problems").replaceChildren(...[...problems, ...progress].map((text) => element("li", {}, text)));
}
