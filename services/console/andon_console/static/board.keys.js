// By keyboard: one tile is in the order of Tab, arrows move between tiles as they lie on the screen.
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function arrows(board) {
  board.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    const from = event.target.closest?.(".tile");
    if (!move || !from || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = next(board, from, move);
    if (!to) return;
    event.preventDefault();
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  });
}

// The nearest tile that way; what lies aside counts three times.
function next(board, from, [right, down]) {
  const here = middle(from);
  let best = null;
  let nearest = Infinity;
  for (const tile of board.querySelectorAll("li:not([hidden]) > .tile")) {
    const there = middle(tile);
    const [dx, dy] = [there.x - here.x, there.y - here.y];
    const ahead = dx * right + dy * down;
    const aside = Math.abs(dx * down) + Math.abs(dy * right);
    if (ahead > 1 && ahead + 3 * aside < nearest) [best, nearest] = [tile, ahead + 3 * aside];
  }
  return best;
}

function middle(tile) {
  const { left, top, width, height } = tile.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}
