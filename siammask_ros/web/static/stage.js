// The live picture: what is drawn on it, and how a box is drawn around a target.
//
// All boxes are {x, y, w, h} in pixels of the camera's picture. While a finger draws, the picture
// stands still, so that the box belongs to the very picture that was seen.

import { fitted } from "./chart.js";
import { drawBox, drawLabel, drawMask, stroke } from "./drawing.js";

const MIN_SIDE = 8;
const HANDLE = 22;
// Until a box arrives, the tracker has gone on: it must still know the picture then.
const MARGIN_S = 0.4;

export class Stage {
  // onBox({x, y, w, h}, stamp) gets a finished box; onChange() hears of every step of choosing;
  // onTooSmall() of a tap where a drag was meant.
  constructor(element, { onBox, onChange, onTooSmall }) {
    this.element = element;
    this.picture = element.querySelector("#picture");
    this.overlay = element.querySelector("#overlay");
    this.leftTime = element.querySelector("#left-time");
    this.onBox = onBox;
    this.onChange = onChange;
    this.onTooSmall = onTooSmall;
    this.now = null;        // what is said of the picture on the screen
    this.box = null;        // the box that is being drawn
    this.choosing = "";     // "", "frozen" while a finger draws, "adjusting" on the live picture
    this.chooseWithinS = 1;
    this.grip = null;
    this.stale = null;      // what the targets are while no picture comes
    element.addEventListener("pointerdown", (event) => this.press(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => this.release(event));
    element.addEventListener("pointercancel", () => this.cancel());
    element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(element);
  }

  // A picture that has arrived; false where it is not shown because another one stands still.
  show(about, bitmap) {
    if (this.choosing === "frozen") return false;
    if (this.picture.width !== bitmap.width || this.picture.height !== bitmap.height) {
      [this.picture.width, this.picture.height] = [bitmap.width, bitmap.height];
      this.element.style.setProperty("--aspect", `${about.width} / ${about.height}`);
    }
    this.picture.getContext("2d").drawImage(bitmap, 0, 0);
    this.now = about;
    this.stale = null;
    this.draw();
    return true;
  }

  // The targets of the picture on the screen are old news.
  showStale(targets) {
    this.stale = targets;
    this.draw();
  }

  begin() {
    if (!this.now) return;
    const { width, height } = this.now;
    this.box ??= { x: width * 0.375, y: height * 0.35, w: width * 0.25, h: height * 0.3 };
    this.enter("adjusting");
    this.element.focus();
  }

  confirm() {
    if (this.choosing !== "adjusting" || !this.box) return;
    const box = this.box;
    const stamp = this.now.stamp;
    this.cancel();
    this.onBox(box, stamp);
  }

  cancel() {
    this.box = null;
    this.grip = null;
    this.enter("");
  }

  enter(choosing) {
    this.choosing = choosing;
    this.element.dataset.choosing = choosing;
    this.leftTime.hidden = choosing !== "frozen" || !Number.isFinite(this.chooseWithinS);
    this.draw();
    this.onChange();
  }

  // Where the picture is on the element: scale and offset of its pixels.
  place() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const about = this.now ?? { width: 4, height: 3 };
    const scale = Math.min(width / about.width, height / about.height);
    return { scale, left: (width - about.width * scale) / 2, top: (height - about.height * scale) / 2 };
  }

  at(event) {
    const frame = this.element.getBoundingClientRect();
    const { scale, left, top } = this.place();
    const clamp = (value, high) => Math.min(Math.max(value, 0), high);
    return {
      x: clamp((event.clientX - frame.left - left) / scale, this.now.width),
      y: clamp((event.clientY - frame.top - top) / scale, this.now.height),
    };
  }

  press(event) {
    if (!this.now || !event.isPrimary || event.button) return;
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const point = this.at(event);
    const grip = this.choosing === "adjusting" ? this.gripAt(point) : null;
    if (grip) {
      this.grip = { ...grip, from: point, box: this.box };
      return;
    }
    this.frozenAt = performance.now();
    this.grip = { corner: point };
    this.box = { ...point, w: 0, h: 0 };
    this.enter("frozen");
    this.tick();
  }

  move(event) {
    if (!this.grip) return;
    const point = this.at(event);
    if (this.grip.corner) this.box = between(this.grip.corner, point);
    else this.box = this.within(moved(this.grip, point));
    this.draw();
  }

  release(event) {
    if (!this.grip) return;
    this.move(event);
    const { corner } = this.grip;
    this.grip = null;
    if (!corner) return;
    if (this.box.w < MIN_SIDE || this.box.h < MIN_SIDE) {
      this.cancel();
      this.onTooSmall();
    } else if (this.leftS() > 0) {
      const box = this.box;
      const stamp = this.now.stamp;
      this.cancel();
      this.onBox(box, stamp);
    } else {
      this.enter("adjusting");
    }
  }

  leftS() {
    return this.chooseWithinS - MARGIN_S - (performance.now() - this.frozenAt) / 1000;
  }

  // The bar that shows how long the picture still counts.
  tick() {
    if (this.choosing !== "frozen") return;
    const share = Math.max(this.leftS() / Math.max(this.chooseWithinS - MARGIN_S, 0.01), 0);
    this.leftTime.firstElementChild.style.transform = `scaleX(${share})`;
    requestAnimationFrame(() => this.tick());
  }

  // The corner of the box that a finger has hit, or its inside.
  gripAt({ x, y }) {
    const { scale } = this.place();
    const reach = HANDLE / scale;
    const { x: left, y: top, w, h } = this.box;
    for (const right of [0, 1]) {
      for (const low of [0, 1]) {
        if (Math.abs(x - left - right * w) < reach && Math.abs(y - top - low * h) < reach) return { right, low };
      }
    }
    return x > left && x < left + w && y > top && y < top + h ? { inside: true } : null;
  }

  within(box) {
    const { width, height } = this.now;
    const w = Math.min(Math.max(box.w, MIN_SIDE), width);
    const h = Math.min(Math.max(box.h, MIN_SIDE), height);
    return { x: Math.min(Math.max(box.x, 0), width - w), y: Math.min(Math.max(box.y, 0), height - h), w, h };
  }

  key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Escape" && this.choosing) this.cancel();
    else if (event.key === "Enter" && this.choosing === "adjusting") this.confirm();
    else if (event.key === "Enter" && !this.choosing) this.begin();
    else if (event.key in arrows && this.choosing === "adjusting") {
      const [right, down] = arrows[event.key];
      const step = event.altKey ? 1 : Math.max(this.now.width / 64, 1);
      const box = { ...this.box };
      if (event.shiftKey) [box.w, box.h] = [box.w + right * step, box.h + down * step];
      else [box.x, box.y] = [box.x + right * step, box.y + down * step];
      this.box = this.within(box);
      this.draw();
      this.onChange();
    } else return;
    event.preventDefault();
  }

  draw() {
    const { context, width, height } = fitted(this.overlay);
    context.clearRect(0, 0, width, height);
    if (!this.now) return;
    const { scale, left, top } = this.place();
    context.save();
    context.translate(left, top);
    context.beginPath();
    context.rect(0, 0, this.now.width * scale, this.now.height * scale);
    context.clip();
    const targets = this.stale ?? this.now.targets ?? [];
    if (!this.choosing) targets.forEach((target) => drawMask(context, target, scale));
    targets.forEach((target) => drawBox(context, target, scale));
    const size = { width: this.now.width * scale, height: this.now.height * scale };
    const taken = [];
    targets.forEach((target) => drawLabel(context, target, scale, size, taken));
    if (this.box) this.drawChosen(context, scale);
    context.restore();
  }

  drawChosen(context, scale) {
    const [x, y, w, h] = [this.box.x, this.box.y, this.box.w, this.box.h].map((value) => value * scale);
    context.fillStyle = "#0007";
    context.beginPath();
    context.rect(0, 0, this.now.width * scale, this.now.height * scale);
    context.rect(x, y, w, h);
    context.fill("evenodd");
    stroke(context, "#fff", 3, [], () => context.rect(x, y, w, h));
    if (this.choosing !== "adjusting") return;
    for (const [px, py] of [[x, y], [x + w, y], [x, y + h], [x + w, y + h]]) {
      context.beginPath();
      context.arc(px, py, 9, 0, 2 * Math.PI);
      context.fillStyle = "#fff";
      context.fill();
      context.lineWidth = 3;
      context.strokeStyle = "#005a9c";
      context.stroke();
    }
  }
}

function between(a, b) {
  return { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), w: Math.abs(a.x - b.x), h: Math.abs(a.y - b.y) };
}

function moved(grip, point) {
  const { box, from } = grip;
  const [dx, dy] = [point.x - from.x, point.y - from.y];
  if (grip.inside) return { ...box, x: box.x + dx, y: box.y + dy };
  return {
    x: box.x + (grip.right ? 0 : dx), w: box.w + (grip.right ? dx : -dx),
    y: box.y + (grip.low ? 0 : dy), h: box.h + (grip.low ? dy : -dy),
  };
}
