// The latency chart: durations of the stages, stacked, and the percentiles of the age.

// Okabe and Ito's colour-blind safe palette, and a grey.
const COLOURS = ["#8a97a3", "#f0e442", "#cc79a7", "#56b4e9", "#0072b2", "#009e73", "#e69f00", "#d55e00"];

const FONT = "11px system-ui, sans-serif";
const MARGIN = 8; // half a line of text above and below

export function drawLegend(list, stages) {
  if (list.childElementCount === stages.length) return;
  list.replaceChildren(...stages.map((stage, k) => {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = COLOURS[k % COLOURS.length];
    item.append(swatch, stage);
    return item;
  }));
}

export function drawChart(canvas, latency) {
  const { context, width, height } = fitCanvas(canvas);
  const style = getComputedStyle(canvas);
  const frames = latency.frames;
  const percentiles = Object.entries(latency.age_ms).filter(([, ms]) => ms !== null);
  const most = Math.max(1, ...percentiles.map(([, ms]) => ms), ...frames.map(total)) * 1.1;
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((ms) => most / ms <= 4) ?? 10000;
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  const left = Math.ceil(context.measureText(`${Math.floor(most / step) * step} ms`).width) + 8;
  const right = width - Math.ceil(context.measureText("p50").width) - 6;
  const bottom = height - MARGIN;
  const y = (ms) => bottom - (ms / most) * (bottom - MARGIN);
  axis(context, style, { step, most, y, left, right });
  const x = (index) => left + (index / (frames.length - 1)) * (right - left);
  if (frames.length > 1) drawStages(context, style, latency, x, y);
  context.fillStyle = context.strokeStyle = style.getPropertyValue("--text");
  context.textAlign = "left";
  let free = height - MARGIN;
  for (const [name, ms] of percentiles) {
    context.setLineDash([5, 4]);
    line(context, left, right, y(ms));
    context.setLineDash([]);
    // Labels of close percentiles are moved up.
    context.fillText(name, right + 5, Math.max(Math.min(y(ms), free), MARGIN));
    free = Math.min(y(ms), free) - 12;
  }
}

function drawStages(context, style, { frames, stages }, x, y) {
  const below = frames.map(() => 0);
  context.strokeStyle = style.getPropertyValue("--text");
  context.lineWidth = 0.75;
  stages.forEach((_, stage) => {
    const above = frames.map((frame, index) => below[index] + Math.max(frame[stage] ?? 0, 0));
    context.beginPath();
    above.forEach((ms, index) => context.lineTo(x(index), y(ms)));
    // An outline that is visible on any background.
    context.stroke();
    for (let index = frames.length - 1; index >= 0; index--) context.lineTo(x(index), y(below[index]));
    context.fillStyle = COLOURS[stage % COLOURS.length];
    context.fill();
    above.forEach((ms, index) => { below[index] = ms; });
  });
  context.lineWidth = 1;
}

function total(frame) {
  return frame.reduce((sum, ms) => sum + Math.max(ms ?? 0, 0), 0);
}

function axis(context, style, { step, most, y, left, right }) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.strokeStyle = style.getPropertyValue("--edge");
  context.fillStyle = style.getPropertyValue("--quiet");
  for (let ms = 0; ms <= most; ms += step) {
    line(context, left, right, y(ms));
    context.fillText(`${ms} ms`, left - 5, y(ms));
  }
}

function line(context, from, to, y) {
  context.beginPath();
  context.moveTo(from, Math.round(y) + 0.5);
  context.lineTo(to, Math.round(y) + 0.5);
  context.stroke();
}

// Sets the canvas to the screen's resolution; returns a context in CSS pixels.
export function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}
