// Which tiles are shown, kept in the address; and what the headings count.
import { ORDER } from "./board.tiles.js";

export class Filter {
  constructor(tiles) {
    this.tiles = tiles;
    this.form = document.querySelector(".filter");
    this.onchange = () => {};
    this.form.addEventListener("input", () => this.changed());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.changed();
    });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  get text() {
    return this.form.elements.q.value.trim().toLowerCase();
  }

  get lamps() {
    return new FormData(this.form).getAll("lamp");
  }

  apply() {
    const { text, lamps } = this;
    let shown = 0;
    for (const tile of this.tiles.values()) {
      const fits = (!lamps.length || lamps.includes(tile.colour)) && tile.li.dataset.words.includes(text);
      if (tile.li.hidden === fits) tile.li.hidden = !fits;
      shown += fits;
    }
    document.getElementById("none").hidden = shown > 0;
    for (const list of document.querySelectorAll(".tiles")) list.hidden = !list.querySelector("li:not([hidden])");
    for (const heading of document.querySelectorAll(".group")) heading.hidden = !isUnder(heading);
  }

  changed() {
    this.apply();
    this.onchange();
    const address = new URL(location.href);
    address.searchParams.delete("q");
    address.searchParams.delete("lamp");
    if (this.text) address.searchParams.set("q", this.form.elements.q.value.trim());
    for (const lamp of this.lamps) address.searchParams.append("lamp", lamp);
    history.replaceState(null, "", address);
  }

  key(event) {
    const field = this.form.elements.q;
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, textarea, select")) {
      event.preventDefault();
      field.focus();
      field.select();
    }
    if (event.key === "Escape" && event.target === field && field.value) {
      event.preventDefault();
      field.value = "";
      this.changed();
    }
  }
}

// Whether any list of tiles below this heading is shown: up to the next heading as high as it, or higher.
function isUnder(heading) {
  for (let next = heading.nextElementSibling; next; next = next.nextElementSibling) {
    if (next.matches(".group") && next.tagName <= heading.tagName) return false;
    if (next.matches(".tiles") && !next.hidden) return true;
  }
  return false;
}

// Every heading, and the bar, with how many of each lamp are below.
export function count(board, tiles) {
  const counts = new Map([["", {}]]);
  for (const tile of tiles.values()) {
    let path = "";
    for (const name of ["", ...tile.li.dataset.place.split("\t").filter(Boolean)]) {
      path = name ? `${path}\t${name}` : "";
      if (!counts.has(path)) counts.set(path, {});
      const found = counts.get(path);
      found[tile.colour] = (found[tile.colour] ?? 0) + 1;
    }
  }
  say(document.getElementById("counts"), counts.get(""), true);
  for (const heading of board.querySelectorAll(".group")) {
    const found = counts.get(heading.dataset.path) ?? {};
    heading.querySelector(".lamp").className = `lamp ${ORDER.find((colour) => found[colour]) ?? "grey"}`;
    say(heading.querySelector(".counts"), found, false);
  }
}

function say(place, found, always) {
  const wanted = ORDER.filter((colour) => always || found[colour]);
  const text = wanted.map((colour) => `${found[colour] ?? 0}${colour}`).join();
  if (place.dataset.said === text) return;
  place.dataset.said = text;
  place.replaceChildren(...wanted.map((colour) => lamp(colour, found[colour] ?? 0)));
}

function lamp(colour, number) {
  const made = document.createElement("span");
  made.className = "count";
  made.dataset.colour = colour;
  const sign = document.createElement("i");
  sign.className = `lamp ${colour}`;
  sign.setAttribute("aria-hidden", "true");
  const figure = document.createElement("b");
  figure.textContent = number;
  made.append(sign, figure, ` ${colour}`);
  return made;
}
