// What every page does: times in the viewer's zone, the theme, the stream of changes, and the state of Kafka.
import { localTimes } from "./times.js";

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("andon-theme", root.dataset.theme);
  } catch {
    // it holds until the page is left
  }
}

// A token behind '#' in a link is put into the form, and taken out of the address.
function takeToken() {
  const form = document.querySelector("[data-token-form]");
  if (!form || location.hash.length < 2) return;
  form.elements.token.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
  form.querySelector("button").focus();
}

function stand(text) {
  const line = document.getElementById("standing");
  line.hidden = !text;
  if (line.textContent !== text) line.textContent = text;
}

// Every page but signing in hears what changed; parts of pages ask again by hx-trigger="andon:incidents from:body".
// A page may name a stream of its own (<body data-live="...">) that says these things too. Browsers open few connections
// to one host, so a page that nobody sees lets go of its stream, and asks for everything when it is seen again.
let source;

function follow() {
  if (source || document.hidden) return;
  source = new EventSource(document.body.dataset.live ?? "/live");
  source.addEventListener("changed", (event) => changed(JSON.parse(event.data)));
  source.addEventListener("standing", (event) => standing(JSON.parse(event.data)));
  source.addEventListener("error", () => stand("The console does not answer. What you see is from before; trying again."));
  for (const name of (document.body.dataset.events ?? "").split(" ").filter(Boolean)) {
    source.addEventListener(name, (event) => document.body.dispatchEvent(new CustomEvent(`andon:${name}`, { detail: JSON.parse(event.data) })));
  }
}

function letGo() {
  source?.close();
  source = undefined;
}

function changed(names) {
  for (const name of names) document.body.dispatchEvent(new CustomEvent(`andon:${name}`));
}

function standing({ away_since, reading, troubles }) {
  const trouble = Object.entries(troubles)[0];
  if (away_since) stand(`Kafka has not answered since ${new Date(away_since).toLocaleTimeString()}. What you see is from before; nothing can be changed until it is back.`);
  else if (trouble) stand(`${trouble[0]} cannot be read: ${trouble[1]}`);
  else stand(reading ? "Reading what happened before; some of it is still missing here." : "");
}

function seenAgain() {
  if (document.hidden) letGo();
  else if (!source) {
    follow();
    changed(["incidents", "answers", "models", "silences", "requests", "baselines"]);
  }
}

// What htmx was refused is told where everybody looks, in the server's own sentence.
document.addEventListener("htmx:responseError", (event) => tell(sentence(event.detail.xhr)));
document.addEventListener("andon:tell", (event) => tell(event.detail.value));
document.addEventListener("htmx:sendError", () => tell("The console does not answer. Nothing was changed; try again."));
document.addEventListener("htmx:afterSettle", (event) => localTimes(event.target));

// A fold with a name that somebody opened stays open when the part of the page around it is asked for again.
const unfolded = new Set();
document.addEventListener("toggle", ({ target }) => target.id && target.isConnected && unfolded[target.open ? "add" : "delete"](target.id), true);
document.addEventListener("htmx:afterSwap", () => unfolded.forEach((id) => document.getElementById(id)?.setAttribute("open", "")));

function sentence(answer) {
  const page = new DOMParser().parseFromString(answer.responseText, "text/html");
  return page.querySelector("main p")?.textContent ?? `It was refused (${answer.status}).`;
}

export function tell(text) {
  const place = document.getElementById("told");
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => place.classList.remove("shown"), 6000);
}

document.querySelector("[data-theme-switch]")?.addEventListener("click", switchTheme);
localTimes(document);
takeToken();
addEventListener("hashchange", takeToken);
if (document.querySelector("header.top")) {
  follow();
  document.addEventListener("visibilitychange", seenAgain);
}
