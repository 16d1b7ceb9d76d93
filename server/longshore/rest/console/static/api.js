// Requests to this server, with the bearer token that a person gave where it asks for one.

import { byId } from "./dom.js";

let token = "";
let whenSignedIn = () => {};

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const baseUrl = () => new URL(".", document.baseURI).href.replace(/\/$/, "");

export async function ask(path, body) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const method = body === undefined ? "GET" : "POST";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body });
  } catch {
    throw new Refused(0, "the server does not answer");
  }
  if (answer.status === 401) signIn();
  const found = parse(await answer.text());
  if (!answer.ok) throw new Refused(answer.status, found?.error ?? answer.statusText);
  return found;
}

export function onSignIn(action) {
  whenSignedIn = action;
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    token = byId("token").value.trim();
    byId("sign-in").hidden = true;
    whenSignedIn();
  });
}

function signIn() {
  if (!byId("sign-in").hidden) return;
  byId("sign-in").hidden = false;
  byId("token").value = "";
  byId("token").focus();
}

// Integers beyond 2^53 are kept as they are written.
function parse(text) {
  try {
    return JSON.parse(text, (key, value, context) =>
      typeof value === "number" && /^-?\d+$/.test(context?.source ?? "") && !Number.isSafeInteger(value)
        ? context.source
        : value);
  } catch {
    return null;
  }
}
