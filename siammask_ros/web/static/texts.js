// Texts of the page: the sentence at the top, the targets, the health.

const WORDS = {
  TRACKING: "Tracked", UNCERTAIN: "Uncertain", LOST: "Lost", STALE: "No images",
};
const HELD = { loading: "loading", waiting: "first image", ended: "ended", playing: "paused" };

// The current state and what to do, and its tone. `live` is the result of Liveness.evaluate().
export function guideText({ isOpen, problem, status, live, selecting, targets }) {
  if (!isOpen || !status) return [problem || "Connecting …", problem ? "bad" : "quiet"];
  if (live.state === "silent") return [`The dashboard has not answered for ${formatTime(live.sinceS)}.`, "bad"];
  if (selecting === "frozen") return ["Drag a box around the target, then release.", "do"];
  if (selecting === "adjusting") return ["Move the box to the target, then press Track this.", "do"];
  if (status.problem) return [status.problem, "bad"];
  if (status.playback === "loading") return ["Loading the network …", "quiet"];
  if (status.playback === "ended") return ["The video has ended. Press Play again to start it from the beginning.", "warn"];
  if (live.state === "none") return [`Waiting for images on ${status.source}.`, "warn"];
  if (live.state === "starting") return [`Waiting for the first result for ${formatTime(live.sinceS)}.`, "quiet"];
  if (live.state === "stale") return [staleText(live), "bad"];
  if (!status.is_tracker_there) return ["The tracker is not running. Only camera images are shown.", "bad"];
  if (status.paused) return ["Paused. The targets are kept.", "warn"];
  const error = status.diagnostics.find(({ level }) => level === "ERROR");
  if (error) return [error.text, "bad"];
  if (status.playback === "waiting") return ["Drag a box around a target to start the video, or press Play.", "do"];
  return targets.length ? targetsText(targets) : ["Drag a box around a target.", "do"];
}

function staleText({ sinceS, cameraRuns }) {
  if (!cameraRuns) return `No image for ${formatTime(sinceS)}. Check the camera.`;
  return `No new image for ${formatTime(sinceS)}. The camera works; the tracker or the network is slow.`;
}

function targetsText(targets) {
  const gone = targets.filter(({ state }) => state !== "TRACKING" && state !== "UNCERTAIN");
  if (gone.length) {
    const why = gone.length === 1 && gone[0].reason ? `: ${gone[0].reason}` : "";
    const hope = gone.every(({ searched }) => searched) ? "The tracker is still searching. You can draw a new box." : "Draw a new box.";
    return [`${targetNames(gone, "T")} ${gone.length === 1 ? "is" : "are"} lost${why}. ${hope}`, "bad"];
  }
  const unsure = targets.filter(({ state }) => state === "UNCERTAIN");
  return unsure.length ? [`Uncertain: ${targetNames(unsure)}.`, "warn"] : [`Tracking ${targetNames(targets)}.`, "good"];
}

// Text over an image that is not live, or null: title, sentence, tone.
export function coverText({ isOpen, problem, status, live, hasImage }) {
  if (!isOpen || !status) return [problem ? "No connection" : "Connecting …", problem, problem ? "bad" : ""];
  if (live.state === "silent") return ["Not live", `No data for ${formatTime(live.sinceS)}`, "bad"];
  if (live.state === "stale") return ["Not live", `The last image arrived ${formatTime(live.sinceS)} ago`, "bad"];
  if (hasImage) return null;
  return status.playback === "loading" ? ["Loading the network …", "", ""] : ["No image yet", `Waiting for ${status.source}`, ""];
}

// State and text of the label in the corner, with the age of old results.
export function linkState({ isOpen, problem, status, live }) {
  if (!isOpen) return ["lost", problem ? "no connection" : "connecting"];
  if (!status) return ["connecting", "connecting"];
  if (live.state === "held") return ["held", HELD[status.playback]];
  if (live.state === "starting") return ["held", "starting"];
  if (live.state === "silent") return ["lost", "no answer"];
  if (live.state !== "live") return ["lost", "no image"];
  const ageMs = status.answers_hz ? status.latency.age_ms.p50 : 0;
  return ["live", ageMs >= 500 ? `live, ${(ageMs / 1000).toFixed(1)} s behind` : "live"];
}

// Label of the pause button, and the `paused` value that it sends.
export function pauseButton({ playback, paused }) {
  if (playback === "waiting") return ["Play", false];
  if (playback === "ended") return ["Play again", false];
  return paused ? ["Resume", false] : ["Pause", true];
}

// The sentence without its numbers: a screen reader repeats it only if the rest changes.
export function withoutNumbers(text) {
  return text.replace(/[\d.]+ (s|min)/, "").replace(/: score [^;]*/, "");
}

function targetNames(targets, first = "t") {
  const ids = targets.map(({ id }) => id);
  return ids.length === 1 ? `${first}arget ${ids[0]}` : `${first}argets ${ids.join(", ")}`;
}

function formatTime(value) {
  return value < 60 ? `${value.toFixed(1)} s` : `${Math.round(value / 60)} min`;
}

// One row per target. Rows are reused, so that the buttons do not move.
export function listTargets(list, targets, canForget, onForget) {
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  for (const { id, state, reason, score, colour } of targets) {
    const row = rows.get(id) ?? list.appendChild(newRow(id, colour, onForget));
    rows.delete(id);
    row.dataset.state = state;
    setText(row.querySelector(".state"), state);
    const percent = state === "TRACKING" && score !== null ? ` · ${Math.round(score * 100)} %` : "";
    setText(row.querySelector(".reason"), reason || `${WORDS[state] ?? state}${percent}`);
    row.querySelector("button").disabled = !canForget;
  }
  for (const row of rows.values()) row.remove();
}

function newRow(id, colour, onForget) {
  const row = element("li", "");
  row.dataset.id = id;
  const swatch = element("span", "", "swatch");
  swatch.style.background = colour;
  const about = element("div", "");
  about.append(element("span", `Target ${id}`, "name"), element("span", "", "state"), element("div", "", "reason"));
  // Not read out by a screen reader, because it changes with every image.
  about.querySelector(".reason").setAttribute("aria-live", "off");
  const forget = element("button", "Forget");
  forget.setAttribute("aria-label", `Forget target ${id}`);
  forget.addEventListener("click", () => onForget(id));
  row.append(swatch, about, forget);
  return row;
}

export function listValues(list, values) {
  const rows = Object.entries(values).filter(([, value]) => value);
  if (!hasChanged(list, rows)) return;
  list.replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("div");
    row.append(element("dt", name), element("dd", value));
    return row;
  }));
}

export function listDiagnostics(list, diagnostics) {
  if (!hasChanged(list, diagnostics)) return;
  list.replaceChildren(...diagnostics.map(({ level, name, text }) => {
    const item = element("li", "");
    item.dataset.level = level;
    item.append(element("b", level === "OK" ? name : `${name} – ${level}`), text);
    return item;
  }));
}

// The state of the recording, and links to the files of the last one.
export function recordingText(target, { text, files }) {
  if (!hasChanged(target, [text, files])) return;
  target.replaceChildren(text, ...files.map((name) => {
    const link = element("a", name);
    link.href = `recordings/${name}`;
    link.download = name;
    return link;
  }));
}

// Whether a list has to be updated.
function hasChanged(list, values) {
  const text = JSON.stringify(values);
  if (list.dataset.text === text) return false;
  list.dataset.text = text;
  return true;
}

export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function element(kind, text, className = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
