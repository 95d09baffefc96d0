// The station page: the newest frame follows until it is paused, the curve, and the form that looks for frames.
import { openViewers } from "./frame.js";
import { localTimes } from "./times.js";

const ASK_MS = 1000;
const LIVE_MINUTES = 10;
const MOST_POINTS = 600; // what the server keeps of the last minutes
const MOST_PARTS = 40; // requests for one curve; then people say whether to go on
const [AT, LOW, HIGH, CALLS, UNSCORABLE, FRAMES, PARTITION, OFFSET] = [0, 1, 2, 3, 4, 5, 6, 7];
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

async function json(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? `refused (${answer.status})`);
  return body;
}

// -- the newest frame --------------------------------------------------------------------------------------------------
class Live {
  constructor(root, curve) {
    this.address = root.dataset.address;
    this.figure = root.querySelector("[data-viewer]");
    this.facts = root.querySelector("[data-facts]");
    this.curve = curve;
    this.known = { version: 0, count: 0 };
    const button = root.querySelector("[data-pause]");
    button?.addEventListener("click", () => {
      this.paused = !this.paused;
      button.setAttribute("aria-pressed", this.paused);
      button.textContent = this.paused ? "Follow" : "Pause";
      if (this.paused) return;
      this.known.version = 0;
      this.ask();
    });
    setInterval(() => document.visibilityState === "visible" && this.ask(), ASK_MS);
    this.ask();
  }

  async ask() {
    if (this.asking) return;
    this.asking = true;
    try {
      this.take(await json(`${this.address}/now.json?version=${this.known.version}&count=${this.known.count}`));
    } catch {
      // the line at the top of the page says what does not answer
    } finally {
      this.asking = false;
    }
  }

  take(now) {
    if (now.count && !this.figure) return location.reload(); // it sends frames again
    if (now.points.length) this.curve?.follow(now.points);
    this.known.count = now.count;
    if (!now.frame || this.paused) return;
    this.known.version = now.version;
    this.figure.viewer.showFrame(now.frame);
    this.facts.innerHTML = now.facts;
    localTimes(this.facts);
  }
}

// -- the curve ---------------------------------------------------------------------------------------------------------
// The threshold is always in the middle: a score r times the threshold stands at r / (r + 1) of the height.
const height = (ratio) => 300 * (1 - Math.max(0, ratio) / (Math.max(0, ratio) + 1));

class Curve {
  constructor(section) {
    this.section = section;
    this.address = section.closest("[data-station]").dataset.address;
    this.plot = section.querySelector(".plot");
    this.words = section.querySelector("[data-words]");
    this.live = [];
    this.points = [];
    this.show(LIVE_MINUTES);
    for (const button of section.querySelectorAll("[data-minutes]")) {
      button.addEventListener("click", () => this.show(Number(button.dataset.minutes)));
    }
    this.plot.addEventListener("pointermove", (event) => this.hover(event));
    this.plot.addEventListener("pointerleave", () => document.activeElement !== this.plot && this.choose(null));
    this.plot.addEventListener("click", (event) => this.click(event));
    this.plot.addEventListener("keydown", (event) => this.key(event));
  }

  show(minutes) {
    this.minutes = minutes;
    for (const each of this.section.querySelectorAll("[data-minutes]")) {
      each.setAttribute("aria-pressed", Number(each.dataset.minutes) === minutes);
    }
    this.choose(null);
    this.asked = (this.asked ?? 0) + 1;
    if (minutes === LIVE_MINUTES) return this.draw();
    this.points = [];
    this.read(this.asked, minutes, "", MOST_PARTS);
  }

  follow(points) {
    this.live = [...this.live, ...points].slice(-MOST_POINTS);
    if (this.minutes === LIVE_MINUTES) this.draw();
  }

  // Part by part, the newest first, until all is there.
  async read(asked, minutes, rest, parts) {
    this.say("Reading the scores ...");
    try {
      for (let left = parts; left > 0; left -= 1) {
        const more = rest ? `&rest=${encodeURIComponent(rest)}&begin=${this.begin}` : "";
        const part = await json(`${this.address}/scores.json?minutes=${minutes}${more}`);
        if (asked !== this.asked) return;
        [this.begin, this.end, rest] = [part.begin, part.end, part.rest];
        this.points = [...part.columns, ...this.points];
        this.draw();
        if (!rest) return this.say(this.summary());
        this.say(`Reading the scores: ${Math.round(part.covered * 100)} % ...`);
      }
      this.goOn(asked, minutes, rest);
    } catch (error) {
      if (asked === this.asked) this.say(`The scores cannot be read: ${error.message}`);
    }
  }

  goOn(asked, minutes, rest) {
    const button = document.createElement("button");
    button.textContent = "Go on";
    button.addEventListener("click", () => this.read(asked, minutes, rest, MOST_PARTS));
    this.words.replaceChildren("Only the newest part was read. ", button);
  }

  summary() {
    const sum = (name) => this.points.reduce((all, each) => all + each[name], 0);
    const [frames, calls, unscorable] = [sum(FRAMES), sum(CALLS), sum(UNSCORABLE)];
    if (!frames) return "No frame was scored in this time.";
    const some = `${frames.toLocaleString()} frames, ${calls.toLocaleString()} ${calls === 1 ? "call" : "calls"}`;
    return unscorable ? `${some}, ${unscorable.toLocaleString()} unscorable` : some;
  }

  draw() {
    if (this.minutes === LIVE_MINUTES) {
      this.end = Math.max(Date.now(), this.live.at(-1)?.[AT] ?? 0);
      this.begin = this.end - LIVE_MINUTES * 60_000;
      this.points = this.live.filter((each) => each[AT] >= this.begin);
    }
    const [range, calls, unscored] = [[], [], []];
    for (const each of this.points) {
      const x = this.x(each[AT]).toFixed(1);
      if (each[HIGH] !== null) {
        const [top, bottom] = [height(each[HIGH]), height(each[LOW])];
        range.push(`M${x} ${top.toFixed(1)}V${Math.max(bottom, top + 0.1).toFixed(1)}`);
        if (each[CALLS]) calls.push(`M${x} ${top.toFixed(1)}h0.01`);
      }
      if (each[UNSCORABLE]) unscored.push(`M${x} 292h0.01`);
    }
    for (const [name, marks] of Object.entries({ range, calls, unscored })) {
      this.section.querySelector(`svg .${name}`).setAttribute("d", marks.join(""));
    }
    this.plot.setAttribute("aria-valuemax", Math.max(0, this.points.length - 1));
    this.section.querySelector("[data-from]").textContent = this.time(this.begin);
    this.section.querySelector("[data-to]").textContent = this.minutes === LIVE_MINUTES ? "now" : this.time(this.end);
    if (this.chosen) this.mark();
    else if (this.minutes === LIVE_MINUTES) this.say(this.summary());
  }

  x(at) {
    return ((at - this.begin) / (this.end - this.begin)) * 1000;
  }

  time(at) {
    return (this.minutes > 720 ? day : clock).format(new Date(at));
  }

  say(text) {
    if (this.words.textContent !== text) this.words.textContent = text;
  }

  nearest(event) {
    const box = this.plot.getBoundingClientRect();
    const at = this.begin + ((event.clientX - box.x) / box.width) * (this.end - this.begin);
    const apart = (each) => Math.abs(each[AT] - at) - (each[CALLS] ? 3 * ((this.end - this.begin) / box.width) : 0);
    return this.points.reduce((best, each) => (!best || apart(each) < apart(best) ? each : best), null);
  }

  hover(event) {
    if (event.pointerType === "mouse") this.choose(this.nearest(event));
  }

  // A mouse opens the frame; a finger chooses it first, and opens it by the words below.
  click(event) {
    const point = this.nearest(event);
    if (!point) return;
    if (event.pointerType === "mouse") location.href = this.page(point);
    else this.choose(point);
  }

  key(event) {
    const at = this.points.indexOf(this.chosen);
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -20, PageUp: 20 }[event.key];
    const last = this.points.length - 1;
    if (event.key === "Enter" && this.chosen) location.href = this.page(this.chosen);
    else if (event.key === "Home") this.choose(this.points[0]);
    else if (event.key === "End") this.choose(this.points[last]);
    else if (step) this.choose(this.points[at < 0 ? last : Math.min(last, Math.max(0, at + step))]);
    else if (event.key === "c") this.choose(this.call(at));
    else return;
    event.preventDefault();
  }

  // The call before the chosen frame; before the first one, the last.
  call(at) {
    const calls = this.points.filter((each) => each[CALLS]);
    return calls.findLast((each) => at >= 0 && this.points.indexOf(each) < at) ?? calls.at(-1) ?? this.chosen;
  }

  page(point) {
    return `${this.address}/frames/${point[PARTITION]}/${point[OFFSET]}`;
  }

  choose(point) {
    this.chosen = point ?? null;
    this.mark();
  }

  mark() {
    const point = this.chosen;
    this.section.querySelector("svg .cursor").setAttribute("d", point ? `M${this.x(point[AT]).toFixed(1)} 0V300` : "");
    if (!point) {
      this.plot.setAttribute("aria-valuetext", "no frame chosen");
      return this.say(this.summary());
    }
    const text = this.told(point);
    this.plot.setAttribute("aria-valuenow", this.points.indexOf(point));
    this.plot.setAttribute("aria-valuetext", text);
    if (this.linked === point && this.words.firstElementChild) return;
    this.linked = point;
    const link = document.createElement("a");
    [link.href, link.textContent] = [this.page(point), text];
    this.words.replaceChildren(link);
  }

  told(point) {
    const at = this.time(point[AT]);
    const verdict = point[CALLS] ? (point[FRAMES] > 1 ? `${point[CALLS]} of ${point[FRAMES]} called` : "call") : "ok";
    if (point[HIGH] === null) return `${at}: unscorable`;
    return `${at}: ${point[HIGH].toFixed(2)} × threshold, ${verdict}`;
  }
}

// -- forms -------------------------------------------------------------------------------------------------------------
// Moments are typed in the viewer's own zone; the server is told how far UTC is ahead of it, on that day.
function zones(root) {
  for (const form of root.querySelectorAll("form.seek:not([data-ready])")) {
    form.dataset.ready = "";
    form.querySelector("[data-moment-label]").textContent = "Before, or from";
    const { at, zone } = form.elements;
    const tell = () => {
      zone.value = (at.value ? new Date(at.value) : new Date()).getTimezoneOffset();
    };
    at.addEventListener("change", tell);
    tell();
  }
}

async function copy(button) {
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

openViewers(document);
const station = document.querySelector(".station[data-station]");
const chart = document.querySelector("[data-chart]");
if (station) new Live(station, chart && new Curve(chart));
zones(document);
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
});
