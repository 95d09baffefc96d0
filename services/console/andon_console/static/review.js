// The review queue: an answer brings the next frame; n skips, p goes back, o lays the heat map over the frame or not.
// r f u m g z and ? are verdict.js's.
const review = document.querySelector("[data-review]");
const MORE_TO_ASK = ["real", "missed"];
const trail = []; // the frames that were shown before this one
let waiting = false;

const shown = () => document.getElementById("shown")?.dataset.frame ?? "";
const tell = (text) => document.dispatchEvent(new CustomEvent("andon:tell", { detail: { value: text } }));

async function load(query) {
  if (waiting) return;
  waiting = true;
  try {
    await htmx.ajax("GET", `/review/frame?${query}${review.dataset.review}`, { target: "#shown", swap: "outerHTML" });
  } finally {
    waiting = false;
  }
}

function leave() {
  const frame = shown();
  if (frame && trail.at(-1) !== frame) trail.push(frame);
  if (trail.length > 200) trail.shift();
  return frame;
}

function next() {
  const frame = leave();
  load(frame ? `before=${frame}` : "");
}

function skip() {
  if (!shown()) return;
  const answered = document.querySelector('[data-verdict] .answer[aria-pressed="true"]');
  if (answered) return next();
  load(`before=${leave()}&skip=true`);
}

function back() {
  const frame = trail.pop();
  if (frame) load(`frame=${frame}`);
  else tell("This is the first frame you looked at.");
}

function overlay() {
  const slider = document.querySelector("#shown [data-heat-opacity]");
  if (!slider) return tell("This frame has no heat map: only a frame that is called has one.");
  if (slider.value !== "0") overlay.before = slider.value;
  slider.value = slider.value === "0" ? overlay.before ?? "70" : "0";
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}

const KEYS = { n: skip, p: back, o: overlay, ArrowRight: skip, ArrowLeft: back };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return;
  if (event.target.closest("input, textarea, select, dialog[open]")) return;
  if (event.key.startsWith("Arrow") && event.target.closest("[data-viewer]")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const act = event.target.closest?.("[data-skip]") ? skip : event.target.closest?.("[data-back]") ? back : event.target.closest?.("[data-next]") ? next : null;
  if (!act || (act === back && !trail.length)) return;
  event.preventDefault();
  act();
});

// One's own answer: on to the next frame, unless there is more to ask of this one.
document.addEventListener("andon:said", (event) => {
  const { frame_id: frame, answer, refined } = event.detail;
  if (frame !== shown()) return;
  if (!MORE_TO_ASK.includes(answer) || refined) next();
  else offerNext();
});

function offerNext() {
  const button = document.querySelector("[data-verdict] [data-next]");
  if (button) button.hidden = !document.querySelector('[data-verdict] .answer[aria-pressed="true"]');
  const link = document.querySelector("#shown [data-back]");
  if (link) link.hidden = !trail.length && link.tagName === "BUTTON";
}

// How far people are came anew: somebody else may have answered this frame, or something may have come to an empty queue.
function lookedAround() {
  const { by, left } = document.getElementById("progress").dataset;
  if (!shown()) {
    if (Number(left)) load("");
  } else if (by && !document.getElementById("shown").dataset.answered) {
    tell(`${by} has answered this frame meanwhile.`);
    next();
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "progress" || event.detail.target?.id === "progress") lookedAround();
  offerNext();
});

document.querySelector("[data-wish]").addEventListener("change", (event) => event.currentTarget.requestSubmit());
offerNext();

// The count is asked for again a moment after something happened. The timer is the page's: the element that shows the
// count is exchanged with each frame, and would take a timer of its own with it.
let refreshing;

function refreshSoon() {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => window.htmx.trigger("#progress", "andon:refresh"), 250);
}

document.body.addEventListener("andon:answers", refreshSoon);
document.body.addEventListener("andon:incidents", refreshSoon);
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target?.id === "progress") refreshSoon();
});
