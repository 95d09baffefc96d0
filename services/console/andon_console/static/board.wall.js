// The wall: the whole screen for tiles, as large as fit, the worst first; the screen stays awake, a clock says it lives.
export const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const SHAPE = 1.25; // a tile is so many times as wide as high
const GAP = 8;
const NARROW = 4;
const SMALL = 110; // px of height; below it a green tile has room for a name and a lamp
const DOT = 16; // no smaller than that
const WIDEST = 10; // what is not green is at most so many times as wide and high
const LETTERS = 24; // longer names are cut

export class Wall {
  constructor(board) {
    this.board = board;
    this.onfit = () => {};
    this.button = document.getElementById("wall");
    this.button.addEventListener("click", (event) => this.toggle(event));
    document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement && this.mine) this.leave(); });
    document.addEventListener("visibilitychange", () => this.stayAwake());
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && this.on && !this.mine) this.leave(); });
    addEventListener("resize", () => this.fit());
    this.stayAwake();
    this.name();
    this.tick();
  }

  get on() {
    return this.board.classList.contains("wall");
  }

  toggle(event) {
    event.preventDefault();
    if (this.on) this.leave();
    else this.enter();
  }

  async enter() {
    this.change(true);
    try {
      await document.documentElement.requestFullscreen();
      this.mine = true;
    } catch {
      // the browser does not give the whole screen; the window is wall enough
    }
  }

  leave() {
    if (document.fullscreenElement) document.exitFullscreen();
    this.mine = false;
    this.change(false);
  }

  change(on) {
    this.board.classList.toggle("wall", on);
    const address = new URL(location.href);
    if (on) address.searchParams.set("wall", "1");
    else address.searchParams.delete("wall");
    history.replaceState(null, "", address);
    this.name();
    this.stayAwake();
    this.tick();
    this.fit();
  }

  name() {
    this.button.textContent = this.on ? "Leave" : "Wall";
    this.button.setAttribute("aria-label", this.on ? "Leave the wall" : "Wall: the whole screen, read from afar");
  }

  async stayAwake() {
    if (!this.on || document.hidden) {
      this.lock?.release();
      this.lock = null;
    } else if (!this.lock || this.lock.released) {
      try {
        this.lock = await navigator.wakeLock?.request("screen");
      } catch {
        // a screen that sleeps is the system's to keep awake
      }
    }
  }

  tick() {
    if (this.on) this.board.querySelector(".clock").textContent = clock.format(new Date());
  }

  // As large as all fit. Where green ones become small, the others take as much of the room as there is to give.
  fit() {
    const groups = document.getElementById("groups");
    groups.classList.toggle("small", false);
    if (!this.on) return this.onfit();
    const shown = [...groups.querySelectorAll("li:not([hidden])")];
    const room = { width: groups.clientWidth, height: innerHeight - groups.getBoundingClientRect().top - GAP };
    const bad = shown.filter((li) => !li.classList.contains("green")).length;
    let [span, found] = [1, layout(shown.length, room)];
    if (found.height < SMALL && bad < shown.length) {
      for (let wider = 2; bad && wider <= WIDEST; wider += 1) {
        const tried = layout(shown.length + bad * (wider * wider - 1) + found.columns, room, NARROW);
        if (tried.height < DOT || tried.columns < wider) break;
        [span, found] = [wider, tried];
      }
      groups.classList.add("small");
    }
    groups.style.setProperty("--gap", `${span > 1 ? NARROW : GAP}px`);
    groups.style.setProperty("--span", span);
    groups.style.setProperty("--columns", found.columns);
    groups.style.setProperty("--height", `${Math.floor(found.height)}px`);
    groups.style.setProperty("--letters", Math.min(LETTERS, Math.max(1, ...shown.map((li) => li.dataset.station.length))));
    this.onfit();
  }
}

// Columns and height of so many tiles, as large as fit.
function layout(count, { width, height }, gap = GAP) {
  let best = { columns: 1, height: 0, fits: -Infinity };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const wide = (width - gap * (columns - 1)) / columns;
    const high = (height - gap * (rows - 1)) / rows;
    const fits = Math.min(high, wide / SHAPE);
    if (fits > best.fits) best = { columns, height: high, fits };
  }
  return best;
}
