// The board, live: editions of what changed come by the page's stream and are laid into the tiles that are there.
import { Tile } from "./board.tiles.js";
import { Pictures } from "./board.pictures.js";
import { Filter, count } from "./board.filter.js";
import { Wall, clock } from "./board.wall.js";
import { arrows } from "./board.keys.js";

const SILENT_MS = 4000; // the stream says something every two seconds, even that nothing changed

const APART_MS = 1000;

const board = document.getElementById("board");
const stopped = document.getElementById("stopped");
const tiles = new Map();
const pictures = new Pictures();
const filter = new Filter(tiles);
const wall = new Wall(board);

let skew = Date.now() - Number(board.dataset.now); // this clock less the console's; the quickest message knows it best
let heard = Date.now();
let edition = board.dataset.edition;
let asked = 0;
let asking = null; // editions that came while the page was asked for anew

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const tile = tiles.get(target.dataset.station);
    if (!tile || tile.li !== target) continue;
    tile.inView = isIntersecting;
    if (isIntersecting) {
      tile.draw();
      tile.tick(now());
      pictures.want(tile);
    }
  }
}, { rootMargin: "100px" });

const now = () => Date.now() - skew;
const number = (name) => Number(name.split("-")[1]);

function take(root) {
  seen.disconnect();
  tiles.clear();
  for (const li of root.querySelectorAll("li[data-station]")) {
    tiles.set(li.dataset.station, new Tile(li));
    seen.observe(li);
  }
  settle();
}

// After faces changed: which tiles are shown, what the headings count, how large tiles are on the wall.
function settle() {
  filter.apply();
  count(board, tiles);
  wall.fit();
}

function lay(told) {
  edition = told.edition;
  document.body.dataset.live = `/live/board?since=${edition}`;
  skew = Math.min(skew + 1, Date.now() - told.now); // it may creep, should a clock be set
  stand(told.stale);
  if (told.gone.length) return again();
  const at = now();
  let news = false;
  for (const [station, { face, add, at: captured }] of Object.entries(told.tiles)) {
    const tile = tiles.get(station);
    if (!tile || (face && face.place.join("\t") !== tile.li.dataset.place)) return again();
    if (add) tile.add(captured, add, at);
    if (face) {
      const { changed, worse } = tile.wear(face);
      pictures.want(tile, worse);
      news ||= changed;
    }
  }
  if (news) settle();
}

// A station is new, or the page is too old: the server draws all of it, and what came meanwhile is laid upon that.
async function again() {
  if (asking) return;
  asking = [];
  await new Promise((done) => setTimeout(done, asked + APART_MS - Date.now())); // many stations come at once
  asked = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("board");
    if (!fresh) return void location.reload(); // signed out, most likely
    edition = fresh.dataset.edition;
    for (const id of ["groups", "none", "counts"]) document.getElementById(id).replaceWith(document.adoptNode(fresh.querySelector(`#${id}`)));
    take(board);
    const later = asking.filter((told) => number(told.edition) > number(edition));
    asking = null;
    later.forEach(lay);
  } catch {
    asking = null;
    setTimeout(again, 3000); // the console is away; the sign says so
  }
}

function stand(stale) {
  const since = stale?.since ? ` since ${clock.format(new Date(stale.since))}` : "";
  const text = stale ? `${stale.why}${since}. What you see is from before.` : "";
  if (stopped.textContent === text) return;
  stopped.textContent = text;
  stopped.hidden = !stale;
  board.classList.toggle("stale", Boolean(stale));
  wall.fit();
}

function hear(told) {
  heard = Date.now();
  if (asking) asking.push(told);
  else lay(told);
}

function everySecond() {
  if (Date.now() - heard > SILENT_MS) stand({ why: "No answer from the console", since: heard });
  const at = now();
  for (const tile of tiles.values()) if (tile.inView) tile.tick(at);
  wall.tick();
}

document.body.addEventListener("andon:board", (event) => hear(event.detail));
document.body.addEventListener("andon:again", again);
document.addEventListener("visibilitychange", () => { if (!document.hidden) everySecond(); });
setInterval(everySecond, 1000);
filter.onchange = () => wall.fit();
wall.onfit = () => { for (const tile of tiles.values()) if (tile.inView) tile.draw(); };
arrows(board);
take(board);
