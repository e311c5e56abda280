// The page: its connection to the dashboard, what it says in words, and what the buttons do.

import { drawChart, drawLegend } from "./chart.js";
import { Stage } from "./picture.js";

const SILENT_MS = 2500;      // without a word for so long, the connection counts as lost
const FOLLOW_WAIT_MS = 3000; // a target that has not appeared by then was refused
const WORDS = {
  TRACKING: "Followed", UNCERTAIN: "Not sure", LOST: "Lost", STALE: "No pictures",
};

const $ = (id) => document.getElementById(id);
const stage = new Stage($("stage"), { onBox: follow, onChange: refresh, onTooSmall: tooSmall });
const pending = new Map();   // commands that are not answered yet, by their number
let socket = null;
let status = null;
let heardAt = 0;
let problem = "";            // why there is no connection
let commands = 0;
let retryMs = 500;
let retryTimer = 0;
let shownAt = [];
let gist = "";               // who is in which state on the newest picture
let spoken = "";

// --- connection

async function open() {
  clearTimeout(retryTimer);
  const token = decodeURIComponent(location.hash.slice(1));
  if (token) history.replaceState(null, "", location.pathname);
  try {
    if (token) await logIn(token);
    const answer = await fetch("session");
    if (answer.status === 401) return askForToken();
    problem = answer.ok ? (await answer.json()).full ? "Too many pages are open. Close one of them." : "" : await answer.text();
  } catch {
    problem = "The dashboard does not answer.";
  }
  $("login").hidden = true;
  $("dashboard").hidden = false;
  if (problem) return retry();
  connect();
}

function connect() {
  if (socket) return;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const own = new WebSocket(`${scheme}//${location.host}/live`);
  socket = own;
  own.binaryType = "arraybuffer";
  own.onmessage = ({ data }) => {
    if (own !== socket) return;
    heardAt = performance.now();
    retryMs = 500;
    if (typeof data === "string") heed(JSON.parse(data));
    else show(own, data);
  };
  own.onclose = () => {
    if (own !== socket) return;
    socket = null;
    for (const { fail } of pending.values()) fail("The connection was lost.");
    pending.clear();
    retry();
  };
}

function retry() {
  refresh();
  clearTimeout(retryTimer);
  retryTimer = setTimeout(open, retryMs);
  retryMs = Math.min(retryMs * 2, 4000);
}

async function logIn(token) {
  const answer = await fetch("session", { method: "POST", body: JSON.stringify({ token }) });
  return answer.ok ? "" : answer.text();
}

function askForToken() {
  $("dashboard").hidden = true;
  $("login").hidden = false;
  setLink("lost", "token needed");
  $("token").focus();
}

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    $("login-error").textContent = await logIn($("token").value);
  } catch {
    $("login-error").textContent = "The dashboard does not answer.";
  }
  $("token").value = "";
  if (!$("login-error").textContent) open();
});

// Without a word for a while, the line is dead whatever the browser thinks of it.
setInterval(() => {
  if (socket && heardAt && performance.now() - heardAt > SILENT_MS) {
    socket.close();
    socket.onclose();
  }
}, 500);

// --- what comes in

async function show(own, data) {
  const length = new DataView(data).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  try {
    if (!document.hidden) {
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
      if (stage.show(about, bitmap)) shown(about);
      bitmap.close();
    }
  } finally {
    if (own.readyState === WebSocket.OPEN) own.send(JSON.stringify({ do: "seen", number: about.number }));
  }
}

function shown(about) {
  const now = performance.now();
  shownAt.push(now);
  shownAt = shownAt.filter((at) => now - at < 3000);
  const before = gist;
  gist = JSON.stringify(about.targets?.map(({ id, state }) => [id, state]));
  listTargets(about.targets ?? []);
  if (gist !== before) refresh();
  stage.element.dispatchEvent(new CustomEvent("shown", { detail: about }));
}

function heed(message) {
  if (message.kind === "reply") {
    const waiting = pending.get(message.to);
    pending.delete(message.to);
    if (waiting) (message.ok ? waiting.done : waiting.fail)(message.text);
    else if (!message.ok) toast(message.text);
  } else if (message.kind === "status") {
    status = message;
    stage.chooseWithinS = status.choose_within_s;
    if (status.is_stale) {
      stage.showStale(status.targets);
      listTargets(status.targets);
    } else if (status.is_tracker_there && !status.targets.length) {
      listTargets([]);
    }
    refresh();
  }
}

// --- what goes out

function ask(what) {
  return new Promise((done, fail) => {
    if (socket?.readyState !== WebSocket.OPEN) return fail("There is no connection.");
    const n = ++commands;
    pending.set(n, { done, fail });
    socket.send(JSON.stringify({ ...what, n }));
  });
}

async function command(what) {
  try {
    return await ask(what);
  } catch (why) {
    toast(String(why));
    return null;
  }
}

async function follow({ x, y, w, h }, stamp) {
  const id = await command({ do: "follow", box: [x, y, w, h], stamp });
  if (id === null) return;
  announce(`Asked to follow target ${id}.`);
  setTimeout(() => {
    const known = status?.targets.some((target) => target.id === id);
    const said = status?.diagnostics.find(({ name, level }) => name.endsWith(": targets") && level !== "OK");
    if (!known && !status?.is_stale) toast(`Target ${id} was not taken up${said ? `: ${said.text}` : "."}`);
  }, FOLLOW_WAIT_MS);
}

function tooSmall() {
  toast("Drag from one corner of the target to the other.");
}

$("draw").addEventListener("click", () => stage.begin());
$("follow").addEventListener("click", () => stage.confirm());
$("cancel").addEventListener("click", () => stage.cancel());
$("reset").addEventListener("click", () => command({ do: "reset" }));
$("pause").addEventListener("click", () => command({ do: "pause", paused: !status?.paused }));
$("record").addEventListener("click", () => command({ do: "record", on: !status?.recording.on }));

// --- what is said

// The sentence on top: what is the matter, and what to do now.
function guidance() {
  if (!socket || !status) return [problem || "Connecting …", problem ? "bad" : "quiet"];
  if (stage.choosing === "frozen") return ["Draw around the target, then let go.", "do"];
  if (stage.choosing === "adjusting") return ["Put the box around the target, then press Follow this.", "do"];
  if (status.problem) return [status.problem, "bad"];
  if (status.since_picture_s === null) return [`Waiting for pictures on ${status.source}.`, "warn"];
  if (status.is_stale) return [`No picture for ${seconds(status.since_picture_s)}. Is the camera running?`, "bad"];
  if (!status.is_tracker_there) return ["The tracker is not running. This is the camera's picture.", "bad"];
  if (status.paused) return ["Paused. The targets are kept.", "warn"];
  const error = status.diagnostics.find(({ level }) => level === "ERROR");
  if (error) return [error.text, "bad"];
  const states = targetsNow().map(({ id, state }) => [id, state]);
  const lost = states.filter(([, state]) => state !== "TRACKING" && state !== "UNCERTAIN").map(([id]) => id);
  const unsure = states.filter(([, state]) => state === "UNCERTAIN").map(([id]) => id);
  if (!states.length) return ["Drag a box around what to follow.", "do"];
  if (lost.length) return [`${named(lost, "T")} lost. The tracker keeps looking, or draw a new box.`, "bad"];
  if (unsure.length) return [`Not sure of ${named(unsure)}.`, "warn"];
  return [`Following ${named(states.map(([id]) => id))}.`, "good"];
}

// Those of the picture on the screen; without an answer to it, the last ones that were heard of.
function targetsNow() {
  return (!status.is_stale && stage.choosing !== "frozen" && stage.now?.targets) || status.targets;
}

function named(ids, first = "t") {
  return ids.length === 1 ? `${first}arget ${ids[0]}` : `${first}argets ${ids.join(", ")}`;
}

function seconds(value) {
  return value < 60 ? `${value.toFixed(1)} s` : `${Math.round(value / 60)} min`;
}

function cover() {
  if (!socket || !status) return [problem ? "No connection" : "Connecting …", problem, problem ? "bad" : ""];
  if (status.since_picture_s === null && !stage.now) return ["No picture yet", `Waiting for ${status.source}`, ""];
  if (status.is_stale) return ["Not live", `The last picture came ${seconds(status.since_picture_s)} ago`, "bad"];
  return null;
}

function refresh() {
  const [text, tone] = guidance();
  // A screen reader shall not read out every tenth of a second.
  const words = text.replace(/[\d.]+ (s|min)/, "");
  $("guide").setAttribute("aria-live", words === spoken ? "off" : "polite");
  spoken = words;
  put($("guide"), text);
  $("guide").dataset.tone = tone;
  const covered = cover();
  $("cover").hidden = !covered || (stage.choosing !== "" && Boolean(socket));
  if (covered) {
    put($("cover-title"), covered[0]);
    put($("cover-text"), covered[1]);
    $("cover").dataset.tone = covered[2];
  }
  if (!socket) setLink("lost", problem ? "no connection" : "connecting");
  else if (!status) setLink("connecting", "connecting");
  else if (status.is_stale || status.since_picture_s === null) setLink("lost", "no picture");
  else setLink("live", "live");
  buttons();
  if (status) numbers();
  if (stage.choosing === "adjusting" && stage.box) {
    const { x, y, w, h } = stage.box;
    announce(`Box ${Math.round(w)} by ${Math.round(h)} at ${Math.round(x)}, ${Math.round(y)}.`);
  }
}

function buttons() {
  const live = Boolean(socket && status);
  $("draw").disabled = !live || !stage.now;
  $("tools").hidden = stage.choosing === "adjusting";
  $("choosing").hidden = stage.choosing !== "adjusting";
  $("pause").disabled = !live || !status.is_tracker_there;
  $("reset").disabled = !live || !targetsNow().length;
  $("record").disabled = !live || !status.recording.possible;
  $("record").title = live && !status.recording.possible ? "No folder for recordings is configured." : "";
  if (!live) return;
  put($("pause"), status.paused ? "Go on" : "Pause");
  $("pause").setAttribute("aria-pressed", status.paused);
  put($("record"), status.recording.on ? "Stop recording" : "Record");
  $("record").setAttribute("aria-pressed", status.recording.on);
  put($("recording"), status.recording.text);
}

function numbers() {
  put($("source"), status.source);
  const rate = (value) => (value ? value.toFixed(1) : "–");
  const seen = shownAt.filter((at) => performance.now() - at < 3000);
  const page = seen.length > 1 ? ((seen.length - 1) * 1000) / (seen.at(-1) - seen[0]) : 0;
  put($("camera-hz"), rate(status.camera_hz));
  put($("answers-hz"), rate(status.answers_hz));
  put($("page-hz"), rate(page));
  put($("dropped"), `${status.dropped}`);
  for (const name of ["p50", "p95", "p99"]) {
    const ms = status.latency.age_ms[name];
    put($(name), ms === undefined || ms === null ? "–" : `${ms.toFixed(0)} ms`);
  }
  drawLegend($("legend"), status.latency.stages);
  drawChart($("chart"), status.latency);
  lines($("engine"), status.engine);
  diagnoses(status.diagnostics);
}

function lines(list, values) {
  const rows = Object.entries(values).filter(([, value]) => value);
  const text = JSON.stringify(rows);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("div");
    row.append(element("dt", name), element("dd", value));
    return row;
  }));
}

function diagnoses(said) {
  $("no-diagnostics").hidden = said.length > 0;
  const text = JSON.stringify(said);
  if ($("diagnostics").dataset.text === text) return;
  $("diagnostics").dataset.text = text;
  $("diagnostics").replaceChildren(...said.map(({ level, name, text: sentence }) => {
    const item = element("li", "");
    item.dataset.level = level;
    item.append(element("b", level === "OK" ? name : `${name} – ${level}`), sentence);
    return item;
  }));
}

// One row a target; a row stays while its target does, so that a finger finds its button.
function listTargets(targets) {
  const rows = new Map([...$("targets").children].map((row) => [row.dataset.id, row]));
  for (const { id, state, reason, score, colour } of targets) {
    const row = rows.get(id) ?? $("targets").appendChild(newRow(id, colour));
    rows.delete(id);
    row.dataset.state = state;
    put(row.querySelector(".state"), state);
    const percent = score === null ? "" : ` · ${Math.round(score * 100)} %`;
    put(row.querySelector(".reason"), reason || `${WORDS[state] ?? state}${state === "TRACKING" ? percent : ""}`);
  }
  for (const row of rows.values()) row.remove();
  $("no-targets").hidden = targets.length > 0;
}

function newRow(id, colour) {
  const row = element("li", "");
  row.dataset.id = id;
  const swatch = element("span", "", "swatch");
  swatch.style.background = colour;
  const about = element("div", "");
  const name = element("span", `Target ${id}`, "name");
  about.append(name, element("span", "", "state"), element("div", "", "reason"));
  // What changes with every picture is not read out; the state is, by the sentence on top.
  about.querySelector(".reason").setAttribute("aria-live", "off");
  const forget = element("button", "Forget");
  forget.setAttribute("aria-label", `Forget target ${id}`);
  forget.addEventListener("click", () => command({ do: "forget", id }));
  row.append(swatch, about, forget);
  return row;
}

function element(kind, text, className = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function put(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function setLink(state, text) {
  $("link").dataset.state = state;
  put($("link"), text);
}

let toastTimer = 0;
function toast(text) {
  put($("toast"), text);
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 6000);
}

let announceTimer = 0;
function announce(text) {
  clearTimeout(announceTimer);
  announceTimer = setTimeout(() => put($("announce"), text), 500);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !socket) open();
});

open();
