// What the page says in words: the sentence on top, the targets, the health.

const WORDS = {
  TRACKING: "Followed", UNCERTAIN: "Not sure", LOST: "Lost", STALE: "No pictures",
};

// What is the matter and what to do now, and its tone.
export function guidance({ isOpen, problem, status, choosing, targets }) {
  if (!isOpen || !status) return [problem || "Connecting …", problem ? "bad" : "quiet"];
  if (choosing === "frozen") return ["Draw around the target, then let go.", "do"];
  if (choosing === "adjusting") return ["Put the box around the target, then press Follow this.", "do"];
  if (status.problem) return [status.problem, "bad"];
  if (status.since_picture_s === null) return [`Waiting for pictures on ${status.source}.`, "warn"];
  if (status.is_stale) return [`No picture for ${seconds(status.since_picture_s)}. Is the camera running?`, "bad"];
  if (!status.is_tracker_there) return ["The tracker is not running. This is the camera's picture.", "bad"];
  if (status.paused) return ["Paused. The targets are kept.", "warn"];
  const error = status.diagnostics.find(({ level }) => level === "ERROR");
  if (error) return [error.text, "bad"];
  if (!targets.length) return ["Drag a box around what to follow.", "do"];
  const gone = targets.filter(({ state }) => state !== "TRACKING" && state !== "UNCERTAIN");
  if (gone.length) return [`${named(gone, "T")} lost. The tracker keeps looking, or draw a new box.`, "bad"];
  const unsure = targets.filter(({ state }) => state === "UNCERTAIN");
  if (unsure.length) return [`Not sure of ${named(unsure)}.`, "warn"];
  return [`Following ${named(targets)}.`, "good"];
}

// What covers a picture that is not live, or nothing: title, sentence, tone.
export function covering({ isOpen, problem, status, hasPicture }) {
  if (!isOpen || !status) return [problem ? "No connection" : "Connecting …", problem, problem ? "bad" : ""];
  if (status.since_picture_s === null && !hasPicture) return ["No picture yet", `Waiting for ${status.source}`, ""];
  if (status.is_stale) return ["Not live", `The last picture came ${seconds(status.since_picture_s)} ago`, "bad"];
  return null;
}

// The short word in the corner: state and text.
export function linkState({ isOpen, problem, status }) {
  if (!isOpen) return ["lost", problem ? "no connection" : "connecting"];
  if (!status) return ["connecting", "connecting"];
  return status.is_stale || status.since_picture_s === null ? ["lost", "no picture"] : ["live", "live"];
}

// A sentence without what changes all the time: a screen reader need not hear it again.
export function gistOf(text) {
  return text.replace(/[\d.]+ (s|min)/, "");
}

function named(targets, first = "t") {
  const ids = targets.map(({ id }) => id);
  return ids.length === 1 ? `${first}arget ${ids[0]}` : `${first}argets ${ids.join(", ")}`;
}

function seconds(value) {
  return value < 60 ? `${value.toFixed(1)} s` : `${Math.round(value / 60)} min`;
}

// One row a target; a row stays while its target does, so that a finger finds its button.
export function listTargets(list, targets, onForget) {
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  for (const { id, state, reason, score, colour } of targets) {
    const row = rows.get(id) ?? list.appendChild(newRow(id, colour, onForget));
    rows.delete(id);
    row.dataset.state = state;
    put(row.querySelector(".state"), state);
    const percent = state === "TRACKING" && score !== null ? ` · ${Math.round(score * 100)} %` : "";
    put(row.querySelector(".reason"), reason || `${WORDS[state] ?? state}${percent}`);
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
