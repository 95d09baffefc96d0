// Two pictures, side by side or one over the other; and the panel of a station, which is left alone while one writes.
const HALF = 50;

function ready(root) {
  for (const tools of root.querySelectorAll("[data-compare-tools][hidden]")) tools.hidden = false;
}

function lay(compare, over) {
  compare.classList.toggle("over", over);
  compare.querySelector("[data-over]").setAttribute("aria-pressed", over);
  compare.querySelector("[data-swap]").hidden = !over;
  compare.querySelector("[data-slide]").hidden = !over;
  show(compare, HALF);
}

function show(compare, share) {
  compare.querySelector("[data-slide] input").value = String(share);
  compare.style.setProperty("--shown", `${share}%`);
}

// Where anything of before is to be seen, now; else before.
function swap(compare) {
  show(compare, Number(compare.querySelector("[data-slide] input").value) < 100 ? 100 : 0);
}

document.addEventListener("click", (event) => {
  const compare = event.target.closest?.("[data-compare]");
  if (!compare) return;
  if (event.target.closest("[data-over]")) lay(compare, !compare.classList.contains("over"));
  else if (event.target.closest("[data-swap]")) swap(compare);
  else if (compare.classList.contains("over") && event.target.closest(".compare-pair")) swap(compare);
});

document.addEventListener("input", (event) => {
  const slide = event.target.closest?.("[data-slide]");
  if (slide) show(slide.closest("[data-compare]"), event.target.value);
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  const written = requestConfig?.verb === "post";
  if (target.id === "watched" && !written && target.querySelector("details.sheet[open]")) event.detail.shouldSwap = false;
});

document.addEventListener("htmx:afterSettle", () => ready(document));
ready(document);
