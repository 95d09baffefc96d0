// Pictures of tiles that somebody sees: a few at a time, those whose lamp has just turned first, then the oldest.
const AT_ONCE = 2;
const APART_MS = 250;
const SOON_MS = 50;
const AGAIN_MS = 10000;
const LARGE = 400; // px; wider than that a small picture is a blur

export class Pictures {
  constructor() {
    this.wanted = new Map(); // tile -> when its picture was last fetched; 0: at once
    this.had = new WeakMap();
    this.loading = 0;
    this.next = 0;
  }

  want(tile, urgent = false) {
    if (!tile.picture || tile.picture === this.had.get(tile)?.address) return;
    this.wanted.set(tile, urgent ? 0 : (this.had.get(tile)?.at ?? 1));
    this.soon(SOON_MS);
  }

  // Not at once: whether a tile is seen makes the browser lay out the page, which is best asked after all has changed.
  soon(ms) {
    const at = performance.now() + ms;
    if (this.timer && this.at <= at) return;
    clearTimeout(this.timer);
    this.at = at;
    this.timer = setTimeout(() => this.pump(), ms);
  }

  pump() {
    this.timer = null;
    const wait = this.next - performance.now();
    if (this.loading >= AT_ONCE || document.hidden) return;
    if (wait > 0) return void this.soon(wait);
    const tile = this.choose();
    if (tile) this.fetch(tile);
  }

  choose() {
    let best = null;
    for (const [tile, at] of this.wanted) {
      if (!tile.li.isConnected) this.wanted.delete(tile);
      else if (seen(tile) && (best === null || at < this.wanted.get(best))) best = tile;
    }
    if (best === null) return null;
    const had = this.wanted.get(best);
    const due = had > 1 ? had + AGAIN_MS : 0;
    if (due <= performance.now()) return best;
    this.soon(due - performance.now());
    return null;
  }

  async fetch(tile) {
    const address = tile.picture;
    this.wanted.delete(tile);
    this.loading += 1;
    this.next = performance.now() + APART_MS;
    this.had.set(tile, { address, at: performance.now() });
    const picture = new Image();
    picture.src = tile.img.parentElement.clientWidth > LARGE ? address.replace("/thumb.jpg", "/view.jpg") : address;
    try {
      await picture.decode();
      tile.img.src = picture.src;
      tile.img.hidden = false;
    } catch {
      // the one that is there stays; the next frame's is tried
    }
    this.loading -= 1;
    this.soon(0);
  }
}

// Its place for a picture is in view; none on a wall of small tiles.
function seen(tile) {
  return tile.inView && tile.img.parentElement.offsetParent !== null;
}
