// The page: shows received data and sends the commands of the buttons.

import { drawChart, drawLegend } from "./chart.js";
import { Connection } from "./connection.js";
import { Liveness } from "./liveness.js";
import { Stage } from "./stage.js";
import {
  coverText, withoutNumbers, guideText, linkState, listDiagnostics, listTargets, listValues, pauseButton, setText, recordingText,
} from "./texts.js";

const FOLLOW_WAIT_MS = 10000; // timeout for a new target
const RATE_WINDOW_MS = 3000;
const TICK_MS = 100;

const $ = (id) => document.getElementById(id);
const stage = new Stage($("stage"), { onBox: follow, onChange: refresh, onTooSmall: tooSmall });
const connection = new Connection({ frame: show, status: onStatus, refusal: toast, token: askForToken, change: connectionChanged });
const liveness = new Liveness();
let status = null;
let live = liveness.evaluate();
let shownAt = [];
let states = ""; // ids and states of the targets in the newest image
let announcedGuide = "";

// --- input

function show(about, bitmap) {
  liveness.addFrame();
  if (!stage.show(about, bitmap)) return;
  const now = performance.now();
  shownAt = [...shownAt.filter((at) => now - at < RATE_WINDOW_MS), now];
  showTargets();
  const before = states;
  states = JSON.stringify(about.targets?.map(({ id, state }) => [id, state]));
  if (states !== before) refresh();
  stage.element.dispatchEvent(new CustomEvent("shown", { detail: about }));
}

function onStatus(message) {
  status = message;
  liveness.setStatus(message);
  live = liveness.evaluate();
  stage.boxTimeoutS = live.state === "held" ? Infinity : status.box_timeout_s;
  if (live.state === "stale") stage.showStale(status.targets);
  numbers();
  refresh();
}

// The connection opened or closed: the last status is not valid any more.
function connectionChanged() {
  liveness.reset();
  status = null;
  live = liveness.evaluate();
  numbers();
  refresh();
}

// Ten times per second, with or without messages.
function tick() {
  const before = live.state;
  live = liveness.evaluate();
  if (live.state !== before || ["stale", "silent", "starting"].includes(live.state)) refresh();
}

function showTargets() {
  const targets = targetsNow();
  listTargets($("targets"), targets, isConnected(), (id) => command({ do: "forget", id }));
  $("no-targets").hidden = targets.length > 0;
  setText($("no-targets"), status ? "No targets yet. Drag a box around one in the image." : "Unknown: no connection.");
}

// The targets of the image on the screen, or the last ones that were received.
function targetsNow() {
  if (!status) return [];
  return (live.state !== "stale" && stage.selecting !== "frozen" && stage.now?.targets) || status.targets;
}

function isConnected() {
  return connection.isOpen && status !== null && live.state !== "silent";
}

// --- commands

async function command(what) {
  try {
    return await connection.ask(what);
  } catch (why) {
    toast(String(why));
    return null;
  }
}

async function follow({ x, y, w, h }, stamp) {
  const id = await command({ do: "follow", box: [x, y, w, h], stamp });
  if (id === null) return;
  announce(`Requested tracking of target ${id}.`);
  const until = performance.now() + FOLLOW_WAIT_MS;
  const check = () => {
    if (!status || targetsNow().some((target) => target.id === id)) return;
    const refusal = status.diagnostics.find(({ text }) => text.includes("a box was refused"));
    if (refusal) toast(refusal.text);
    else if (performance.now() > until) toast(`Timeout: the tracker did not start target ${id} within ${FOLLOW_WAIT_MS / 1000} s. Draw the box again.`);
    else setTimeout(check, 500);
  };
  setTimeout(check, 500);
}

function tooSmall() {
  toast("Drag from one corner of the target to the other.");
}

$("draw").addEventListener("click", () => stage.begin());
$("follow").addEventListener("click", () => stage.confirm());
$("cancel").addEventListener("click", () => stage.cancel());
$("reset").addEventListener("click", () => command({ do: "reset" }));
$("pause").addEventListener("click", () => command({ do: "pause", paused: pauseButton(status)[1] }));
$("record").addEventListener("click", () => command({ do: "record", on: !status?.recording.on }));

// Only the image and its buttons, in the browser's full-screen mode if available.
function showFull(isFull) {
  document.body.dataset.full = isFull;
  setText($("full"), isFull ? "Leave full screen" : "Full screen");
}

$("full").addEventListener("click", () => {
  const isFull = document.body.dataset.full !== "true";
  showFull(isFull);
  if (isFull) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
});
document.addEventListener("fullscreenchange", () => {
  if (!document.fullscreenElement) showFull(false);
});

// --- the token

function askForToken() {
  $("dashboard").hidden = true;
  $("login").hidden = false;
  setLink("lost", "token needed");
  $("token").focus();
}

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    setText($("login-error"), await connection.logIn($("token").value));
  } catch {
    setText($("login-error"), "The dashboard does not answer.");
  }
  $("token").value = "";
  if ($("login-error").textContent) return;
  $("login").hidden = true;
  $("dashboard").hidden = false;
  connection.open();
});

// --- output

function refresh() {
  const targets = targetsNow();
  const now = {
    isOpen: connection.isOpen, problem: connection.problem, status, live, selecting: stage.selecting,
    hasImage: stage.now !== null, targets,
  };
  const [text, tone] = guideText(now);
  $("guide").setAttribute("aria-live", withoutNumbers(text) === announcedGuide ? "off" : "polite");
  announcedGuide = withoutNumbers(text);
  setText($("guide"), text);
  $("guide").dataset.tone = tone;
  showCover(coverText(now));
  setLink(...linkState(now));
  document.body.dataset.connected = isConnected();
  showTargets();
  buttons(targets);
  if (stage.selecting === "adjusting" && stage.box) {
    const { x, y, w, h } = stage.box;
    announce(`Box ${Math.round(w)} by ${Math.round(h)} at ${Math.round(x)}, ${Math.round(y)}.`);
  }
}

function showCover(cover) {
  $("cover").hidden = !cover || (stage.selecting !== "" && isConnected());
  if (!cover) return;
  setText($("cover-title"), cover[0]);
  setText($("cover-text"), cover[1]);
  $("cover").dataset.tone = cover[2];
}

function buttons(targets) {
  const canAsk = isConnected();
  const isReady = canAsk && status.playback !== "loading";
  $("tools").hidden = stage.selecting === "adjusting";
  $("selecting").hidden = stage.selecting !== "adjusting";
  $("follow").disabled = !canAsk;
  $("draw").disabled = !isReady || !stage.now || status.playback === "ended";
  $("pause").disabled = !isReady || !status.is_tracker_there;
  $("reset").disabled = !isReady || !targets.length;
  $("record").disabled = !canAsk || !status.recording.possible;
  if (!status) return;
  const { possible, on } = status.recording;
  $("record").title = possible ? "" : "Recording is disabled. Set the parameter record_folder.";
  setText($("pause"), pauseButton(status)[0]);
  setText($("record"), on ? "Stop recording" : "Record");
  $("record").dataset.on = on;
  recordingText($("recording"), status.recording);
}

function numbers() {
  const rate = (value) => (value ? value.toFixed(1) : "–");
  const seen = shownAt.filter((at) => performance.now() - at < RATE_WINDOW_MS);
  const page = seen.length > 1 ? ((seen.length - 1) * 1000) / (seen.at(-1) - seen[0]) : 0;
  setText($("source"), status?.source ?? "");
  setText($("camera-hz"), rate(status?.camera_hz));
  setText($("answers-hz"), rate(status?.answers_hz));
  setText($("page-hz"), rate(status && page));
  setText($("dropped"), `${status?.dropped ?? "–"}`);
  const latency = status?.latency ?? { stages: [], frames: [], age_ms: {} };
  for (const name of ["p50", "p95", "p99"]) {
    const ms = latency.age_ms[name];
    setText($(name), ms === undefined || ms === null ? "–" : `${ms.toFixed(0)} ms`);
  }
  drawLegend($("legend"), latency.stages);
  drawChart($("chart"), latency);
  listValues($("engine"), status?.engine ?? {});
  const diagnostics = status?.diagnostics ?? [];
  listDiagnostics($("diagnostics"), diagnostics);
  $("no-diagnostics").hidden = diagnostics.length > 0;
}

function setLink(state, text) {
  $("link").dataset.state = state;
  setText($("link"), text);
}

let toastTimer = 0;
function toast(text) {
  setText($("toast"), text);
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 6000);
}

// For a screen reader: half a second after the last change, no repetitions.
let announceTimer = 0;
let announced = "";
function announce(text) {
  if (text === announced) return;
  announced = text;
  clearTimeout(announceTimer);
  announceTimer = setTimeout(() => setText($("announce"), text), 500);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  connection.open();
  tick();
});

setInterval(tick, TICK_MS);
connection.open();
