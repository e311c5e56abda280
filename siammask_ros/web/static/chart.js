// Where the time of the last frames went: stages on top of each other, and the age's percentiles.

// Okabe and Ito's palette and a grey, which people with any colour vision can tell apart.
const COLOURS = ["#8a97a3", "#f0e442", "#cc79a7", "#56b4e9", "#0072b2", "#009e73", "#e69f00", "#d55e00"];

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
  const { context, width, height } = fitted(canvas);
  const style = getComputedStyle(canvas);
  const frames = latency.frames;
  context.clearRect(0, 0, width, height);
  const left = 34, bottom = height - 6;
  const percentiles = Object.entries(latency.age_ms);
  const top = Math.max(1, ...percentiles.map(([, ms]) => ms), ...frames.map(total)) * 1.1;
  const y = (ms) => bottom - (ms / top) * (bottom - 8);
  axis(context, style, top, y, left, width);
  if (frames.length > 1) {
    const x = (index) => left + (index / (frames.length - 1)) * (width - left);
    const below = frames.map(() => 0);
    latency.stages.forEach((_, stage) => {
      const above = frames.map((frame, index) => below[index] + Math.max(frame[stage] ?? 0, 0));
      context.beginPath();
      above.forEach((ms, index) => context.lineTo(x(index), y(ms)));
      for (let index = frames.length - 1; index >= 0; index--) context.lineTo(x(index), y(below[index]));
      context.fillStyle = COLOURS[stage % COLOURS.length];
      context.fill();
      above.forEach((ms, index) => { below[index] = ms; });
    });
  }
  context.setLineDash([5, 4]);
  context.strokeStyle = style.getPropertyValue("--text");
  for (const [, ms] of percentiles) line(context, left, width, y(ms));
  context.setLineDash([]);
}

function total(frame) {
  return frame.reduce((sum, ms) => sum + Math.max(ms ?? 0, 0), 0);
}

function axis(context, style, top, y, left, width) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((ms) => top / ms <= 4) ?? 10000;
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.strokeStyle = style.getPropertyValue("--line");
  context.fillStyle = style.getPropertyValue("--quiet");
  for (let ms = 0; ms <= top; ms += step) {
    line(context, left, width, y(ms));
    context.fillText(ms || "ms", left - 6, y(ms));
  }
}

function line(context, from, to, y) {
  context.beginPath();
  context.moveTo(from, Math.round(y) + 0.5);
  context.lineTo(to, Math.round(y) + 0.5);
  context.stroke();
}

// A canvas as sharp as the screen; drawn on in CSS pixels.
export function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}
