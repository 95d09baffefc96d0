// The budget as a slider: a number of frames in 1,000 on a logarithmic scale, 0.1 to 100.
const form = document.querySelector("[data-budget]");
const number = form?.elements.budget;
const slide = form?.querySelector("[data-slide]");

function follow() {
  slide.value = String(Math.round(Math.log10(Math.max(0.1, Number(number.value) || 0.1)) * 100));
}

function lead() {
  const wanted = 10 ** (Number(slide.value) / 100);
  number.value = String(Number(wanted.toPrecision(2)));
}

if (slide) {
  follow();
  slide.addEventListener("input", lead);
  number.addEventListener("input", follow);
}
