// Verdicts: by thumb and by key. The buttons are forms of their own; this adds the keys, and guards against a press that
// was meant for the frame before.
const SETTLE_MS = 700;
const WORDS = [
  ["r", "Real defect"], ["f", "False call"], ["u", "Unsure"], ["m", "Missed defect"], ["g", "Good"],
  ["z", "Undo, or say it again"], ["→ or j", "Next frame"], ["← or k", "Frame before"], ["n", "Next frame without an answer"], ["?", "These keys"],
];

function isTyping(element) {
  return element.closest("input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog[open]");
}

function press(selector) {
  const button = document.querySelector(selector);
  if (!button || button.closest("[inert]") || button.disabled) return false;
  button.click();
  return true;
}

function undo() {
  return press("[data-verdict] [data-undo]") || press(".said-line [data-undo]");
}

function act(key) {
  if (key === "z") return undo();
  if (key === "?") return keys();
  return "rfumg".includes(key) && press(`[data-verdict] .answers [data-key="${key}"]`);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat || event.key.length > 1) return;
  if (!isTyping(event.target) && act(event.key.toLowerCase())) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-keys]")) keys();
});

// A page with keys of its own says so: data-key-words='[["n", "Skip"], ...]'.
function words() {
  const own = document.querySelector("[data-key-words]")?.dataset.keyWords;
  return own ? JSON.parse(own) : WORDS;
}

function keys() {
  const dialog = document.getElementById("keys") ?? madeDialog();
  dialog.showModal();
  return true;
}

function madeDialog() {
  const dialog = document.createElement("dialog");
  dialog.id = "keys";
  dialog.setAttribute("aria-label", "Keyboard shortcuts");
  const list = document.createElement("dl");
  for (const [key, said] of words()) {
    const row = document.createElement("div");
    row.append(node("dt", key), node("dd", said));
    list.append(row);
  }
  const form = document.createElement("form");
  form.method = "dialog";
  form.append(node("button", "Close"));
  dialog.append(node("h2", "Keys"), list, form);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  return dialog;
}

function node(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// Another frame has come under the thumb: what is pressed in the next moment was meant for the one before.
let frame = document.querySelector("[data-verdict]")?.dataset.frame;

document.addEventListener("htmx:load", () => {
  const now = document.querySelector("[data-verdict]");
  if (!now || (now.dataset.frame === frame && !now.inert)) return;
  frame = now.dataset.frame;
  now.inert = true;
  setTimeout(() => (now.inert = false), SETTLE_MS);
});

// Somebody else's answer does not take away what is being written.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  const writing = document.activeElement?.matches("input, textarea") && target.contains(document.activeElement);
  if (target.matches("[data-verdict]") && requestConfig.verb === "get" && writing) event.detail.shouldSwap = false;
});
