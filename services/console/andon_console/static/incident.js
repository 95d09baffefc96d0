// The incident page while somebody looks: parts change by themselves, but nothing moves under a finger.
const page = document.querySelector("[data-incident]");
const last = new Map();

const chosen = () => document.getElementById("shown")?.dataset.frame ?? "";
const strip = () => [...document.querySelectorAll("#strip [data-to]")];
const linkTo = (frame) => document.querySelector(`#strip [data-to="${CSS.escape(frame)}"]`);

// What has not changed stays as it is; so does what somebody is using, until they are done with it.
function isInUse(part) {
  if (part.querySelector("details.sheet[open]")) return true;
  const focused = document.activeElement;
  return part.contains(focused) && focused.matches("input, textarea, select");
}

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const fresh = fragment.firstElementChild ?? fragment;
  if (fresh.dataset?.of === target.dataset.of || isInUse(target)) event.detail.shouldSwap = false;
  else {
    keepFocus(target);
    keepPlace(target);
    if (target.id === "state") news(target, fresh);
  }
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, serverResponse, requestConfig } = event.detail;
  if (target.id !== "list") return;
  const same = requestConfig.elt === target && last.get(target.id) === serverResponse;
  last.set(target.id, serverResponse);
  if (same) event.detail.shouldSwap = false;
  else keepFocus(target);
});

function keepFocus(part) {
  const focused = document.activeElement;
  const href = part.contains(focused) && focused.getAttribute("href");
  if (href) afterSwap(part.id, (fresh) => fresh.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true }));
}

function keepPlace(part) {
  const left = part.querySelector(".strip")?.scrollLeft;
  if (left) afterSwap(part.id, (fresh) => fresh.querySelector(".strip")?.scrollTo({ left }));
}

function afterSwap(id, then) {
  requestAnimationFrame(() => {
    const fresh = document.getElementById(id);
    if (fresh) then(fresh);
  });
}

function news(before, after) {
  const told = after.querySelector("[data-news]")?.dataset.news;
  if (told && told !== before.querySelector("[data-news]")?.dataset.news) tell(told);
}

function tell(text) {
  document.dispatchEvent(new CustomEvent("andon:tell", { detail: { value: text } }));
}

// Frames
function show(frame, before = "") {
  const query = new URLSearchParams(before ? { frame, before } : { frame });
  mark(frame);
  history.replaceState(history.state, "", `${page.dataset.incident}?frame=${frame}`);
  return htmx.ajax("GET", `${page.dataset.incident}/frame?${query}`, { target: "#shown", swap: "outerHTML" });
}

function mark(frame) {
  for (const link of strip()) {
    if (link.dataset.to === frame) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const link = linkTo(frame);
  const row = link?.closest(".strip");
  if (!row) return;
  const { left, right } = link.getBoundingClientRect();
  const room = row.getBoundingClientRect();
  if (left < room.left || right > room.right) row.scrollBy({ left: left - room.left - 8 });
}

function step(by) {
  const frames = strip();
  const at = frames.findIndex((link) => link.dataset.to === chosen());
  const next = frames[at + by];
  if (next) show(next.dataset.to);
  return Boolean(next);
}

function nextOpen() {
  const frames = strip();
  const at = frames.findIndex((link) => link.dataset.to === chosen());
  return [...frames.slice(at + 1), ...frames.slice(0, Math.max(at, 0))].find((link) => link.dataset.answered !== "true");
}

function next() {
  const open = nextOpen();
  if (open) show(open.dataset.to, chosen());
  else tell("Every frame of this incident has an answer.");
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-to]");
  if (link && page && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    show(link.dataset.to);
  } else if (event.target.closest?.("[data-next]")) next();
});

const MOVES = { ArrowRight: () => step(1), j: () => step(1), ArrowLeft: () => step(-1), k: () => step(-1), n: next };

document.addEventListener("keydown", (event) => {
  if (!page || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape") return close();
  if (event.target.closest("input, textarea, select, dialog[open], [data-viewer]")) return;
  if (MOVES[event.key]?.()) event.preventDefault();
});

function close() {
  const open = document.querySelector("details.sheet[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
}

// A sheet that is closed again may have missed something; one that opens is ready to be written in.
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.("details.sheet")) return;
  if (event.target.open) event.target.querySelector("input:not([type=hidden])")?.focus({ preventScroll: true });
  else htmx.trigger("[data-now]", "andon:incidents");
}, true);

// Which frame is chosen is known here alone.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.matches("[data-now]")) event.detail.parameters.frame = chosen();
});

// An answer was written: the next frame comes, unless there is more to ask of this one.
const MORE_TO_ASK = ["real", "missed"];

document.addEventListener("andon:said", (event) => {
  if (!page) return;
  const { frame_id: frame, answer, refined } = event.detail;
  const link = linkTo(frame);
  if (link) link.dataset.answered = "true";
  if ((!MORE_TO_ASK.includes(answer) || refined) && nextOpen()) show(nextOpen().dataset.to, frame);
  offerNext();
});

function offerNext() {
  const button = document.querySelector("[data-verdict] [data-next]");
  const answered = linkTo(chosen())?.dataset.answered === "true";
  if (button) button.hidden = !(answered && nextOpen());
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (!page) return;
  if (event.detail.requestConfig?.verb === "post" && event.detail.target?.id === "acts") document.getElementById("acts").querySelector("summary, button")?.focus({ preventScroll: true });
  mark(chosen());
  offerNext();
});
offerNext();
