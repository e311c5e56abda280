// What the page says in words: the sentence on top, the targets, the health.

const WORDS = {
  TRACKING: "Followed", UNCERTAIN: "Not sure", LOST: "Lost", STALE: "No pictures",
};
const HELD = { loading: "loading", waiting: "first picture", ended: "ended", playing: "paused" };

// What is the matter and what to do now, and its tone. `live` is what Liveness.judge() says.
export function guidance({ isOpen, problem, status, live, choosing, targets }) {
  if (!isOpen || !status) return [problem || "Connecting …", problem ? "bad" : "quiet"];
  if (live.state === "silent") return [`The dashboard has not answered for ${seconds(live.sinceS)}.`, "bad"];
  if (choosing === "frozen") return ["Draw around the target, then let go.", "do"];
  if (choosing === "adjusting") return ["Put the box around the target, then press Follow this.", "do"];
  if (status.problem) return [status.problem, "bad"];
  if (status.playback === "loading") return ["Loading the network …", "quiet"];
  if (status.playback === "ended") return ["The video has ended. Play again starts it from its beginning.", "warn"];
  if (live.state === "none") return [`Waiting for pictures on ${status.source}.`, "warn"];
  if (live.state === "stale") return [staleness(live), "bad"];
  if (!status.is_tracker_there) return ["The tracker is not running. This is the camera's picture.", "bad"];
  if (status.paused) return ["Paused. The targets are kept.", "warn"];
  const error = status.diagnostics.find(({ level }) => level === "ERROR");
  if (error) return [error.text, "bad"];
  if (status.playback === "waiting") return ["Drag a box around what to follow: the video starts with it, or with Play.", "do"];
  return targets.length ? following(targets) : ["Drag a box around what to follow.", "do"];
}

function staleness({ sinceS, cameraRuns }) {
  if (!cameraRuns) return `No picture for ${seconds(sinceS)}. Is the camera running?`;
  return `No new picture for ${seconds(sinceS)}, though the camera runs. Is the tracker or the network slow?`;
}

function following(targets) {
  const gone = targets.filter(({ state }) => state !== "TRACKING" && state !== "UNCERTAIN");
  if (gone.length) {
    const why = gone.length === 1 && gone[0].reason ? `: ${gone[0].reason}` : "";
    const hope = gone.every(({ searched }) => searched) ? "The tracker keeps looking, or draw a new box." : "Draw a new box.";
    return [`${named(gone, "T")} lost${why}. ${hope}`, "bad"];
  }
  const unsure = targets.filter(({ state }) => state === "UNCERTAIN");
  return unsure.length ? [`Not sure of ${named(unsure)}.`, "warn"] : [`Following ${named(targets)}.`, "good"];
}

// What covers a picture that is not live, or nothing: title, sentence, tone.
export function covering({ isOpen, problem, status, live, hasPicture }) {
  if (!isOpen || !status) return [problem ? "No connection" : "Connecting …", problem, problem ? "bad" : ""];
  if (live.state === "silent") return ["Not live", `Nothing has come for ${seconds(live.sinceS)}`, "bad"];
  if (live.state === "stale") return ["Not live", `The last picture came ${seconds(live.sinceS)} ago`, "bad"];
  if (hasPicture) return null;
  return status.playback === "loading" ? ["Loading the network …", "", ""] : ["No picture yet", `Waiting for ${status.source}`, ""];
}

// The short word in the corner: state and text. An answer that is old is called so.
export function linkState({ isOpen, problem, status, live }) {
  if (!isOpen) return ["lost", problem ? "no connection" : "connecting"];
  if (!status) return ["connecting", "connecting"];
  if (live.state === "held") return ["held", HELD[status.playback]];
  if (live.state === "silent") return ["lost", "no answer"];
  if (live.state !== "live") return ["lost", "no picture"];
  const ageMs = status.answers_hz ? status.latency.age_ms.p50 : 0;
  return ["live", ageMs >= 500 ? `live, ${(ageMs / 1000).toFixed(1)} s behind` : "live"];
}

// The button that pauses, goes on, or plays: its label, and what it asks for.
export function playing({ playback, paused }) {
  if (playback === "waiting") return ["Play", false];
  if (playback === "ended") return ["Play again", false];
  return paused ? ["Go on", false] : ["Pause", true];
}

// A sentence without what changes all the time: a screen reader need not hear it again.
export function gistOf(text) {
  return text.replace(/[\d.]+ (s|min)/, "").replace(/: score [^;]*/, "");
}

function named(targets, first = "t") {
  const ids = targets.map(({ id }) => id);
  return ids.length === 1 ? `${first}arget ${ids[0]}` : `${first}argets ${ids.join(", ")}`;
}

function seconds(value) {
  return value < 60 ? `${value.toFixed(1)} s` : `${Math.round(value / 60)} min`;
}

// One row a target; a row stays while its target does, so that a finger finds its button.
export function listTargets(list, targets, canForget, onForget) {
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  for (const { id, state, reason, score, colour } of targets) {
    const row = rows.get(id) ?? list.appendChild(newRow(id, colour, onForget));
    rows.delete(id);
    row.dataset.state = state;
    put(row.querySelector(".state"), state);
    const percent = state === "TRACKING" && score !== null ? ` · ${Math.round(score * 100)} %` : "";
    put(row.querySelector(".reason"), reason || `${WORDS[state] ?? state}${percent}`);
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
  // What changes with every picture is not read out; the state is, by the sentence on top.
  about.querySelector(".reason").setAttribute("aria-live", "off");
  const forget = element("button", "Forget");
  forget.setAttribute("aria-label", `Forget target ${id}`);
  forget.addEventListener("click", () => onForget(id));
  row.append(swatch, about, forget);
  return row;
}

export function listValues(list, values) {
  const rows = Object.entries(values).filter(([, value]) => value);
  if (!isNews(list, rows)) return;
  list.replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("div");
    row.append(element("dt", name), element("dd", value));
    return row;
  }));
}

export function listDiagnoses(list, said) {
  if (!isNews(list, said)) return;
  list.replaceChildren(...said.map(({ level, name, text }) => {
    const item = element("li", "");
    item.dataset.level = level;
    item.append(element("b", level === "OK" ? name : `${name} – ${level}`), text);
    return item;
  }));
}

// What is said of a recording, and the files of the last one to take away.
export function recordingText(target, { text, files }) {
  if (!isNews(target, [text, files])) return;
  target.replaceChildren(text, ...files.map((name) => {
    const link = element("a", name);
    link.href = `recordings/${name}`;
    link.download = name;
    return link;
  }));
}

// Whether a list shows something else so far.
function isNews(list, values) {
  const text = JSON.stringify(values);
  if (list.dataset.text === text) return false;
  list.dataset.text = text;
  return true;
}

export function put(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function element(kind, text, className = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
