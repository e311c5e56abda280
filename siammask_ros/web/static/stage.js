// The image view: shows frames with their targets, and lets the user draw a box.
//
// All boxes are {x, y, w, h} in pixels of the camera image. While the user drags, the image is
// frozen, so that the box belongs to the image that the user sees.

import { fitCanvas } from "./chart.js";
import { drawBox, drawLabel, drawMask, stroke } from "./drawing.js";

const MIN_SIDE = 8;
const HANDLE = 22;
// Reserve for the transmission: the tracker must still keep the image when the box arrives.
const MARGIN_S = 0.4;

export class Stage {
  // Callbacks: onBox({x, y, w, h}, stamp) for a finished box; onChange() after every change of the
  // selection; onTooSmall() for a tap instead of a drag.
  constructor(element, { onBox, onChange, onTooSmall }) {
    this.element = element;
    this.image = element.querySelector("#image");
    this.overlay = element.querySelector("#overlay");
    this.remainingTime = element.querySelector("#remaining-time");
    this.onBox = onBox;
    this.onChange = onChange;
    this.onTooSmall = onTooSmall;
    this.now = null;        // metadata of the image on the screen
    this.box = null;        // the unfinished box
    this.selecting = "";     // "", "frozen" during a drag, "adjusting" on the live image
    this.boxTimeoutS = 1;
    this.grip = null;
    this.stale = null;      // the targets while no image arrives
    element.addEventListener("pointerdown", (event) => this.startDrag(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => this.endDrag(event));
    element.addEventListener("pointercancel", () => this.cancel());
    element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(element);
  }

  // Shows a frame; returns false if the image is frozen.
  show(about, bitmap) {
    if (this.selecting === "frozen") return false;
    if (this.image.width !== bitmap.width || this.image.height !== bitmap.height) {
      [this.image.width, this.image.height] = [bitmap.width, bitmap.height];
      this.element.style.setProperty("--aspect", `${about.width} / ${about.height}`);
    }
    this.image.getContext("2d").drawImage(bitmap, 0, 0);
    this.now = about;
    this.stale = null;
    this.draw();
    return true;
  }

  // Replaces the targets while no image arrives.
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
    if (this.selecting !== "adjusting" || !this.box) return;
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

  enter(selecting) {
    this.selecting = selecting;
    this.element.dataset.selecting = selecting;
    this.remainingTime.hidden = selecting !== "frozen" || !Number.isFinite(this.boxTimeoutS);
    this.draw();
    this.onChange();
  }

  // Scale and offset of image pixels on the element.
  imageTransform() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const about = this.now ?? { width: 4, height: 3 };
    const scale = Math.min(width / about.width, height / about.height);
    return { scale, left: (width - about.width * scale) / 2, top: (height - about.height * scale) / 2 };
  }

  at(event) {
    const frame = this.element.getBoundingClientRect();
    const { scale, left, top } = this.imageTransform();
    const clamp = (value, high) => Math.min(Math.max(value, 0), high);
    return {
      x: clamp((event.clientX - frame.left - left) / scale, this.now.width),
      y: clamp((event.clientY - frame.top - top) / scale, this.now.height),
    };
  }

  startDrag(event) {
    if (!this.now || !event.isPrimary || event.button) return;
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const point = this.at(event);
    const grip = this.selecting === "adjusting" ? this.findGrip(point) : null;
    if (grip) {
      this.grip = { ...grip, from: point, box: this.box };
      return;
    }
    this.selectionStartedAt = performance.now();
    this.grip = { corner: point };
    this.box = { ...point, w: 0, h: 0 };
    this.enter("frozen");
    this.tick();
  }

  move(event) {
    if (!this.grip) return;
    const point = this.at(event);
    if (this.grip.corner) this.box = boxBetween(this.grip.corner, point);
    else this.box = this.clampBox(moveBox(this.grip, point));
    this.draw();
  }

  endDrag(event) {
    if (!this.grip) return;
    this.move(event);
    const { corner } = this.grip;
    this.grip = null;
    if (!corner) return;
    if (this.box.w < MIN_SIDE || this.box.h < MIN_SIDE) {
      this.cancel();
      this.onTooSmall();
    } else if (this.remainingS() > 0) {
      const box = this.box;
      const stamp = this.now.stamp;
      this.cancel();
      this.onBox(box, stamp);
    } else {
      this.enter("adjusting");
    }
  }

  remainingS() {
    return this.boxTimeoutS - MARGIN_S - (performance.now() - this.selectionStartedAt) / 1000;
  }

  // The bar that shows how long the tracker still keeps the image.
  tick() {
    if (this.selecting !== "frozen") return;
    const share = Math.max(this.remainingS() / Math.max(this.boxTimeoutS - MARGIN_S, 0.01), 0);
    this.remainingTime.firstElementChild.style.transform = `scaleX(${share})`;
    requestAnimationFrame(() => this.tick());
  }

  // The corner of the box under the pointer, or its inside, or null.
  findGrip({ x, y }) {
    const { scale } = this.imageTransform();
    const reach = HANDLE / scale;
    const { x: left, y: top, w, h } = this.box;
    for (const right of [0, 1]) {
      for (const low of [0, 1]) {
        if (Math.abs(x - left - right * w) < reach && Math.abs(y - top - low * h) < reach) return { right, low };
      }
    }
    return x > left && x < left + w && y > top && y < top + h ? { inside: true } : null;
  }

  clampBox(box) {
    const { width, height } = this.now;
    const w = Math.min(Math.max(box.w, MIN_SIDE), width);
    const h = Math.min(Math.max(box.h, MIN_SIDE), height);
    return { x: Math.min(Math.max(box.x, 0), width - w), y: Math.min(Math.max(box.y, 0), height - h), w, h };
  }

  key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Escape" && this.selecting) this.cancel();
    else if (event.key === "Enter" && this.selecting === "adjusting") this.confirm();
    else if (event.key === "Enter" && !this.selecting) this.begin();
    else if (event.key in arrows && this.selecting === "adjusting") {
      const [right, down] = arrows[event.key];
      const step = event.altKey ? 1 : Math.max(this.now.width / 64, 1);
      const box = { ...this.box };
      if (event.shiftKey) [box.w, box.h] = [box.w + right * step, box.h + down * step];
      else [box.x, box.y] = [box.x + right * step, box.y + down * step];
      this.box = this.clampBox(box);
      this.draw();
      this.onChange();
    } else return;
    event.preventDefault();
  }

  draw() {
    const { context, width, height } = fitCanvas(this.overlay);
    context.clearRect(0, 0, width, height);
    if (!this.now) return;
    const { scale, left, top } = this.imageTransform();
    context.save();
    context.translate(left, top);
    context.beginPath();
    context.rect(0, 0, this.now.width * scale, this.now.height * scale);
    context.clip();
    const targets = this.stale ?? this.now.targets ?? [];
    if (!this.selecting) targets.forEach((target) => drawMask(context, target, scale));
    targets.forEach((target) => drawBox(context, target, scale));
    const size = { width: this.now.width * scale, height: this.now.height * scale };
    const occupied = [];
    targets.forEach((target) => drawLabel(context, target, scale, size, occupied));
    if (this.box) this.drawSelection(context, scale);
    context.restore();
  }

  drawSelection(context, scale) {
    const [x, y, w, h] = [this.box.x, this.box.y, this.box.w, this.box.h].map((value) => value * scale);
    context.fillStyle = "#0007";
    context.beginPath();
    context.rect(0, 0, this.now.width * scale, this.now.height * scale);
    context.rect(x, y, w, h);
    context.fill("evenodd");
    stroke(context, "#fff", 3, [], () => context.rect(x, y, w, h));
    if (this.selecting !== "adjusting") return;
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

function boxBetween(a, b) {
  return { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), w: Math.abs(a.x - b.x), h: Math.abs(a.y - b.y) };
}

function moveBox(grip, point) {
  const { box, from } = grip;
  const [dx, dy] = [point.x - from.x, point.y - from.y];
  if (grip.inside) return { ...box, x: box.x + dx, y: box.y + dy };
  return {
    x: box.x + (grip.right ? 0 : dx), w: box.w + (grip.right ? dx : -dx),
    y: box.y + (grip.low ? 0 : dy), h: box.h + (grip.low ? dy : -dy),
  };
}
