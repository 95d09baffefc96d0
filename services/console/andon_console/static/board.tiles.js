// One tile: it is changed where it stands, never drawn anew.
import { ago } from "./times.js";

const FRAMES = 60;
const STEP = 2;
const NOTHING = -1;

export class Tile {
  constructor(li) {
    const find = (name) => li.querySelector(name);
    this.li = li;
    this.station = li.dataset.station;
    this.link = find(".tile");
    this.parts = { lamp: find(".lamp"), word: find(".word"), flags: find(".flags"), rate: find(".rate"), age: find(".age"), product: find(".product"), digest: find(".digest") };
    this.line = find("polyline");
    this.img = find("img");
    this.colour = li.className;
    this.picture = li.dataset.picture;
    this.at = Number(li.dataset.at) || null;
    this.standing = ["within", "over", "unclear"].find((each) => this.parts.rate.classList.contains(each));
    this.heights = null;
    this.inView = false;
    this.stale = false; // what came since it was last in view is not drawn yet
  }

  // New frames: heights of their scores, the oldest first.
  add(at, heights, now) {
    this.heights ??= read(this.line);
    this.heights = [...this.heights, ...heights].slice(-FRAMES);
    this.at = at;
    this.stale = true;
    if (this.inView) {
      this.draw();
      this.tick(now);
    }
  }

  draw() {
    if (!this.stale) return;
    this.li.dataset.at = this.at;
    if (this.colour === "green" && this.li.closest(".small")) return; // there is no room for a line
    this.stale = false;
    const first = FRAMES - this.heights.length;
    let points = "";
    this.heights.forEach((y, at) => { if (y !== NOTHING) points += `${(first + at) * STEP},${y} `; });
    this.line.setAttribute("points", points);
  }

  // The age of its last frame.
  tick(now) {
    write(this.parts.age, this.at === null ? "-" : ago((now - this.at) / 1000));
  }

  // What seldom changes. Answers whether others must know of it (lamp, words), and whether it is worse than before.
  wear({ colour, word, flags, place, product, bundle, picture, rate }) {
    const words = [this.station, product, ...place].join(" ").toLowerCase();
    const changed = colour !== this.colour || words !== this.li.dataset.words;
    const worse = ORDER.indexOf(colour) < ORDER.indexOf(this.colour);
    if (colour !== this.colour) {
      this.li.className = this.colour = colour;
      this.parts.lamp.className = `lamp ${colour}`;
    }
    write(this.parts.word, word);
    if (this.parts.flags.textContent !== flags.join("")) this.parts.flags.replaceChildren(...flags.map(badge));
    write(this.parts.product, product);
    write(this.parts.digest, bundle);
    write(this.parts.rate, rate?.text ?? "");
    if (this.standing !== rate?.standing) {
      this.standing = rate?.standing;
      this.parts.rate.className = `rate ${this.standing ?? ""}`;
    }
    this.picture = picture;
    this.li.dataset.words = words;
    return { changed, worse };
  }
}

export const ORDER = ["red", "amber", "grey", "green"];

function read(line) {
  const heights = [];
  for (const pair of line.getAttribute("points").split(" ").filter(Boolean)) {
    const [x, y] = pair.split(",").map(Number);
    const place = x / STEP;
    heights.length ||= 0;
    heights[place] = y;
  }
  const first = heights.findIndex((y) => y !== undefined);
  return first < 0 ? [] : Array.from({ length: FRAMES - first }, (_, at) => heights[first + at] ?? NOTHING);
}

function badge(flag) {
  const made = document.createElement("i");
  made.textContent = flag;
  return made;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
