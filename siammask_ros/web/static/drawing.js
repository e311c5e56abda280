// Draws targets over the image. Coordinates are image pixels; `scale` is screen pixels per image pixel.

const VISIBLE_STATES = ["TRACKING", "UNCERTAIN"];
const GREY = "#bebebe";

// A line that is visible on bright and on dark images.
export function stroke(context, colour, width, dashes, trace) {
  for (const [paint, thickness] of [["#000a", width + 3], [colour, width]]) {
    context.beginPath();
    trace();
    context.setLineDash(dashes);
    context.lineWidth = thickness;
    context.strokeStyle = paint;
    context.lineJoin = "round";
    context.stroke();
  }
  context.setLineDash([]);
}

export function drawMask(context, target, scale) {
  if (!VISIBLE_STATES.includes(target.state) || !target.contours.length) return;
  context.beginPath();
  for (const contour of target.contours) {
    for (let k = 0; k < contour.length; k += 2) {
      // The centre of the pixel, not its corner.
      const [x, y] = [(contour[k] + 0.5) * scale, (contour[k + 1] + 0.5) * scale];
      if (k) context.lineTo(x, y);
      else context.moveTo(x, y);
    }
    context.closePath();
  }
  context.globalAlpha = 0.42;
  context.fillStyle = target.colour;
  context.fill("evenodd");
  context.globalAlpha = 0.9;
  context.lineWidth = 1.5;
  context.strokeStyle = "#fff";
  context.stroke();
  context.globalAlpha = 1;
}

function styleOf(target) {
  return target.state === "TRACKING" ? [target.colour, []] : [target.state === "UNCERTAIN" ? target.colour : GREY, [10, 7]];
}

function isDark(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue < 120;
}

export function drawBox(context, target, scale) {
  const [colour, dashes] = styleOf(target);
  const corners = target.corners;
  if (corners.length !== 8 || corners.some((value) => value === null)) return;
  stroke(context, colour, 3, dashes, () => {
    for (let k = 0; k < 8; k += 2) context.lineTo((corners[k] + 0.5) * scale, (corners[k + 1] + 0.5) * scale);
    context.closePath();
  });
}

const LABEL = 24;

// Draws a target's label at its box, at a place that overlaps no other label, and adds it to `occupied`.
export function drawLabel(context, target, scale, { width, height }, occupied) {
  const corners = target.corners;
  if (corners.length !== 8 || corners.some((value) => value === null)) return;
  const text = `${target.id}  ${target.state}`;
  context.font = "600 14px system-ui, sans-serif";
  const wide = context.measureText(text).width + 16;
  const xs = corners.filter((_, k) => k % 2 === 0), ys = corners.filter((_, k) => k % 2 === 1);
  const left = Math.min(...xs) * scale;
  const [above, below] = [Math.min(...ys) * scale - LABEL - 4, Math.max(...ys) * scale + 4];
  const { x, y } = freePlace([{ x: left, y: above }, { x: left, y: below }], wide, { width, height }, occupied);
  occupied.push({ x, y, wide });
  context.fillStyle = styleOf(target)[0];
  context.beginPath();
  context.roundRect(x, y, wide, LABEL, 6);
  context.fill();
  context.fillStyle = isDark(styleOf(target)[0]) ? "#fff" : "#000";
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillText(text, x + 8, y + LABEL / 2 + 1);
}

// The first free place of `wanted`, else the nearest free one next to another label.
function freePlace(wanted, wide, { width, height }, occupied) {
  const clampLabel = ({ x, y }) => ({
    x: Math.min(Math.max(x, 0), Math.max(width - wide, 0)), y: Math.min(Math.max(y, 0), Math.max(height - LABEL, 0)),
  });
  const isFree = ({ x, y }) => !occupied.some((other) =>
    x < other.x + other.wide && other.x < x + wide && Math.abs(y - other.y) < LABEL);
  const first = clampLabel(wanted[0]);
  const distance = ({ x, y }) => Math.hypot(x - first.x, y - first.y);
  const touching = occupied.flatMap((other) => [
    { x: first.x, y: other.y - LABEL }, { x: first.x, y: other.y + LABEL },
    { x: other.x - wide, y: other.y }, { x: other.x + other.wide, y: other.y },
  ]).map(clampLabel).sort((a, b) => distance(a) - distance(b));
  return [...wanted.map(clampLabel), ...touching].find(isFree) ?? first;
}
