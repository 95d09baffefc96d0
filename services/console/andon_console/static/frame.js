// Frames: pictures that are asked for again when the console was busy, and the viewer: heat, boxes, zoom, outlines.
// Outlines are drawn in pixels of the frame, and written into the hidden field "outlines" as [[[x, y], ...], ...].
const MOST_OUTLINES = 16;
const MOST_POINTS = 200;
const LEAST_PIXELS = 3;
const SORRY_WIDTHS = [241, 1281]; // a picture that only says why there is none; no frame is shown so wide
const TRIES = 5;
const SVG = "http://www.w3.org/2000/svg";

function remembered(name, otherwise) {
  try {
    return localStorage.getItem(name) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // it holds until the page is left
  }
}

function arrived(image) {
  const gone = SORRY_WIDTHS.includes(image.naturalWidth);
  if (!image.matches(".heat, .viewer-heat")) image.closest(".picture, .viewer")?.classList.toggle("gone", gone);
  else image.hidden = false;
}

// The console answers "busy" without a picture; a little later it can be had. Heat that is gone is not shown at all.
function failed(image) {
  const heat = image.matches(".heat, .viewer-heat");
  if (heat) image.hidden = true;
  const tries = Number(image.dataset.tries ?? 0);
  if (tries >= (heat ? 1 : TRIES)) return;
  image.dataset.tries = tries + 1;
  const address = image.src;
  setTimeout(() => {
    if (image.isConnected && image.src === address) image.src = address;
  }, 1500 * (tries + 1) + 1000 * Math.random());
}

document.addEventListener("load", (event) => event.target.matches?.("img[data-frame]") && arrived(event.target), true);
document.addEventListener("error", (event) => event.target.matches?.("img[data-frame]") && failed(event.target), true);

class Viewer {
  constructor(figure) {
    this.figure = figure;
    this.width = Number(figure.dataset.width);
    this.height = Number(figure.dataset.height);
    this.stage = figure.querySelector(".viewer-stage");
    this.sheet = figure.querySelector(".viewer-sheet");
    this.image = figure.querySelector(".viewer-image");
    this.drawn = figure.querySelector(".viewer-drawn");
    this.field = figure.querySelector("[data-outlines]");
    this.zoom = 1; // 1: as large as the stage lets
    this.touches = new Map();
    this.outlines = this.field ? JSON.parse(this.field.value || "[]") : [];
    this.heat();
    this.boxes();
    this.zooming();
    this.fit();
    this.image.addEventListener("load", () => this.fit());
    new ResizeObserver(() => this.fit()).observe(figure);
    if (this.field) this.drawing();
  }

  press(name, then) {
    this.figure.querySelector(`[data-${name}]`)?.addEventListener("click", then);
  }

  pressed(name, on) {
    this.figure.querySelector(`[data-${name}]`)?.setAttribute("aria-pressed", on);
  }

  heat() {
    const slider = this.figure.querySelector("[data-heat-opacity]");
    const heat = this.figure.querySelector(".viewer-heat");
    if (!slider || !heat) return;
    const show = () => {
      heat.style.opacity = slider.value / 100;
      slider.setAttribute("aria-valuetext", `${slider.value} %`);
    };
    slider.value = remembered("andon-heat", "70");
    slider.addEventListener("input", () => {
      show();
      remember("andon-heat", slider.value);
    });
    show();
  }

  boxes() {
    const show = (on) => {
      this.figure.classList.toggle("no-boxes", !on);
      this.pressed("boxes", on);
    };
    show(remembered("andon-boxes", "1") === "1");
    this.press("boxes", () => {
      const on = this.figure.classList.contains("no-boxes");
      show(on);
      remember("andon-boxes", on ? "1" : "0");
    });
  }

  // -- zoom: the sheet grows inside its stage, which scrolls ------------------------------------------------------
  // How wide the sheet is at zoom 1: the whole frame is seen.
  get narrow() {
    const [width, height] = [this.width || this.image.naturalWidth, this.height || this.image.naturalHeight];
    const most = Number.parseFloat(getComputedStyle(this.stage).maxHeight) || Infinity;
    return Math.max(1, Math.min(this.figure.clientWidth, width && height ? (most * width) / height : Infinity));
  }

  // The zoom at which one pixel of the frame is one of the screen.
  get whole() {
    return (this.width || this.image.naturalWidth) / this.narrow;
  }

  fit() {
    this.sheet.style.width = `${Math.floor(this.narrow * this.zoom)}px`;
  }

  zoomTo(zoom, x, y) {
    const most = Math.max(4, this.whole * 4);
    const after = Math.min(most, Math.max(1, zoom));
    const stage = this.stage.getBoundingClientRect();
    const [dx, dy] = [(x ?? stage.x + stage.width / 2) - stage.x, (y ?? stage.y + stage.height / 2) - stage.y];
    const [left, top] = [(this.stage.scrollLeft + dx) / this.zoom, (this.stage.scrollTop + dy) / this.zoom];
    this.zoom = after;
    this.fit();
    this.stage.scrollTo(left * after - dx, top * after - dy);
    this.figure.classList.toggle("zoomed", after > 1);
    this.pressed("zoom", after > 1);
    if (after > 1) this.sharpen();
  }

  // Closer than the large picture is, the frame itself is shown, where browsers can show it.
  sharpen() {
    const original = this.image.dataset.original;
    if (this.sharpened || this.width <= this.image.naturalWidth || this.figure.classList.contains("gone")) return;
    this.sharpened = true;
    const whole = new Image();
    whole.addEventListener("load", () => {
      if (whole.naturalWidth === this.width) this.image.src = original;
    });
    whole.src = original;
  }

  zooming() {
    this.press("zoom", () => this.zoomTo(this.zoom > 1 ? 1 : Math.max(this.whole, 2)));
    this.stage.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") this.zoomTo(this.zoom * 1.5);
      else if (event.key === "-") this.zoomTo(this.zoom / 1.5);
      else if (event.key === "0") this.zoomTo(1);
      else if (event.key.startsWith("Arrow") && this.zoom > 1) event.stopPropagation();
    });
    this.stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // a pinch on a touch pad comes as that, too
      event.preventDefault();
      this.zoomTo(this.zoom * Math.exp(-event.deltaY / 150), event.clientX, event.clientY);
    }, { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.down(event));
    this.stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, (event) => this.up(event));
  }

  down(event) {
    if (event.button) return;
    this.touches.set(event.pointerId, event);
    if (this.figure.classList.contains("drawing")) {
      if (this.touches.size === 1) this.begin(event);
      else this.line = null;
      return;
    }
    if (this.touches.size === 2) this.pinched = { apart: this.apart(), zoom: this.zoom };
    if (this.touches.size === 1) {
      this.from = { x: event.clientX, y: event.clientY, left: this.stage.scrollLeft, top: this.stage.scrollTop };
      if (event.pointerType === "mouse") this.stage.setPointerCapture(event.pointerId);
    }
  }

  move(event) {
    if (!this.touches.has(event.pointerId)) return;
    this.touches.set(event.pointerId, event);
    if (this.line) this.draw(event);
    else if (this.pinched && this.touches.size === 2) this.pinch();
    else if (this.from && event.pointerType === "mouse" && this.zoom > 1) {
      this.stage.scrollTo(this.from.left + this.from.x - event.clientX, this.from.top + this.from.y - event.clientY);
    }
  }

  up(event) {
    const known = this.touches.delete(event.pointerId);
    if (this.line) this.end(event);
    else if (known && this.from && !this.pinched && event.type === "pointerup") this.clicked(event);
    if (!this.touches.size) this.pinched = this.from = null;
  }

  clicked(event) {
    if (Math.hypot(event.clientX - this.from.x, event.clientY - this.from.y) > 6) return;
    if (this.figure.classList.contains("drawing")) return;
    this.zoomTo(this.zoom > 1 ? 1 : Math.max(this.whole, 2), event.clientX, event.clientY);
  }

  apart() {
    const [a, b] = [...this.touches.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  }

  pinch() {
    const [a, b] = [...this.touches.values()];
    const zoom = (this.pinched.zoom * this.apart()) / Math.max(20, this.pinched.apart);
    this.zoomTo(zoom, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
  }

  // Another frame in the same place: { picture, original, heat, width, height, boxes, label, frame_id }.
  showFrame(frame) {
    const next = new Image();
    const swap = () => this.swap(frame);
    next.addEventListener("load", swap);
    next.addEventListener("error", swap);
    next.src = frame.picture;
  }

  swap(frame) {
    [this.width, this.height, this.sharpened] = [frame.width, frame.height, false];
    Object.assign(this.figure.dataset, { width: frame.width, height: frame.height, frameId: frame.frame_id });
    Object.assign(this.image.dataset, { original: frame.original, tries: 0 });
    Object.assign(this.image, { src: frame.picture, alt: frame.label });
    if (frame.width) Object.assign(this.image, { width: frame.width, height: frame.height });
    this.fit();
    const heat = this.figure.querySelector(".viewer-heat");
    heat.hidden = true;
    heat.dataset.tries = 0;
    if (frame.heat) heat.src = frame.heat;
    else heat.removeAttribute("src");
    this.figure.querySelector(".viewer-marks").setAttribute("viewBox", `0 0 ${frame.width || 1} ${frame.height || 1}`);
    this.figure.querySelector(".viewer-boxes").replaceChildren(...frame.boxes.map(box));
    this.figure.querySelector(".viewer-original").href = frame.original;
    if (this.zoom > 1) this.sharpen();
  }

  // -- outlines ---------------------------------------------------------------------------------------------------
  drawing() {
    const group = this.figure.querySelector("[data-drawing]");
    this.press("draw", () => {
      const on = this.figure.classList.toggle("drawing");
      this.pressed("draw", on);
      group.hidden = !on;
    });
    this.press("freehand", (event) => {
      this.freehand = !this.freehand;
      event.currentTarget.setAttribute("aria-pressed", this.freehand);
    });
    this.press("undo-outline", () => {
      this.outlines.pop();
      this.written();
    });
    this.press("add-box", () => this.addBox());
    this.show();
  }

  // Where on the frame, in its pixels.
  at(event) {
    const sheet = this.sheet.getBoundingClientRect();
    const within = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
    const x = within(((event.clientX - sheet.x) / sheet.width) * this.width, this.width);
    return [x, within(((event.clientY - sheet.y) / sheet.height) * this.height, this.height)];
  }

  begin(event) {
    event.preventDefault();
    if (this.outlines.length >= MOST_OUTLINES) return this.say(`${MOST_OUTLINES} regions are the most.`);
    this.stage.setPointerCapture(event.pointerId);
    this.line = { free: this.freehand || event.shiftKey, points: [this.at(event)] };
  }

  draw(event) {
    const { free, points } = this.line;
    const point = this.at(event);
    if (!free) this.line.points = [points[0], point];
    else if (Math.hypot(point[0] - points.at(-1)[0], point[1] - points.at(-1)[1]) >= 2) points.push(point);
    this.show(outline(this.line));
  }

  end(event) {
    const made = event.type === "pointerup" ? outline(this.line) : null;
    this.line = null;
    if (made && isLarge(made)) this.add(made);
    else this.show();
  }

  addBox() {
    const given = (name) => this.figure.querySelector(`[data-number="${name}"]`);
    const fields = ["x", "y", "width", "height"].map(given);
    const wrong = fields.find((each) => each.value === "" || !each.checkValidity());
    if (wrong) return wrong.reportValidity() && wrong.focus();
    const [x, y, width, height] = fields.map((each) => Number(each.value));
    const far = [Math.min(this.width, x + width), Math.min(this.height, y + height)];
    this.add(outline({ free: false, points: [[x, y], far] }));
    for (const each of fields) each.value = "";
    fields[0].focus();
  }

  add(made) {
    if (this.outlines.length >= MOST_OUTLINES) return this.say(`${MOST_OUTLINES} regions are the most.`);
    this.outlines.push(made);
    this.written();
  }

  written() {
    this.field.value = JSON.stringify(this.outlines);
    this.field.dispatchEvent(new Event("change", { bubbles: true }));
    this.show();
  }

  show(unfinished) {
    const all = unfinished ? [...this.outlines, unfinished] : this.outlines;
    this.drawn.replaceChildren(...all.map(polygon));
    this.figure.querySelector("[data-undo-outline]").disabled = !this.outlines.length;
    const count = this.outlines.length;
    this.say(count ? `${count} ${count === 1 ? "region" : "regions"} drawn` : "");
  }

  say(text) {
    this.figure.querySelector("[data-drawn-words]").textContent = text;
  }
}

// A box out of two corners; what was drawn by hand, with no more points than a record holds.
function outline({ free, points }) {
  if (free) {
    const step = Math.max(1, Math.ceil(points.length / MOST_POINTS));
    return points.filter((_, i) => i % step === 0).slice(0, MOST_POINTS);
  }
  const [[ax, ay], [bx, by]] = [points[0], points.at(-1)];
  return [[ax, ay], [bx, ay], [bx, by], [ax, by]];
}

function isLarge(points) {
  const [x, y] = [points.map((each) => each[0]), points.map((each) => each[1])];
  const span = (values) => Math.max(...values) - Math.min(...values);
  return points.length >= 3 && span(x) >= LEAST_PIXELS && span(y) >= LEAST_PIXELS;
}

function polygon(points) {
  const made = document.createElementNS(SVG, "polygon");
  made.setAttribute("points", points.map((each) => each.join(",")).join(" "));
  return made;
}

function box([x, y, width, height]) {
  const made = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height })) made.setAttribute(name, value);
  return made;
}

export function openViewers(root) {
  for (const figure of root.querySelectorAll("[data-viewer]:not([data-ready])")) {
    figure.dataset.ready = "";
    figure.viewer = new Viewer(figure);
  }
  for (const image of root.querySelectorAll("img[data-frame]")) if (image.complete && image.naturalWidth) arrived(image);
}

openViewers(document);
document.addEventListener("htmx:afterSettle", () => openViewers(document));
