// The page: what comes in over the line is shown, and the buttons do what they say.

import { drawChart, drawLegend } from "./chart.js";
import { Connection } from "./connection.js";
import { Liveness } from "./liveness.js";
import { Stage } from "./stage.js";
import {
  covering, gistOf, guidance, linkState, listDiagnoses, listTargets, listValues, playing, put, recordingText,
} from "./words.js";

const FOLLOW_WAIT_MS = 10000; // a target that has not appeared by then will not
const RATE_WINDOW_MS = 3000;
const TICK_MS = 100;

const $ = (id) => document.getElementById(id);
const stage = new Stage($("stage"), { onBox: follow, onChange: refresh, onTooSmall: tooSmall });
const line = new Connection({ picture: show, status: heed, refusal: toast, token: askForToken, change: lineChanged });
const liveness = new Liveness();
let status = null;
let live = liveness.judge();
let shownAt = [];
let states = ""; // who is in which state on the newest picture
let spoken = "";

// --- what comes in

function show(about, bitmap) {
  liveness.heardPicture();
  if (!stage.show(about, bitmap)) return;
  const now = performance.now();
  shownAt = [...shownAt.filter((at) => now - at < RATE_WINDOW_MS), now];
  showTargets();
  const before = states;
  states = JSON.stringify(about.targets?.map(({ id, state }) => [id, state]));
  if (states !== before) refresh();
  stage.element.dispatchEvent(new CustomEvent("shown", { detail: about }));
}

function heed(said) {
  status = said;
  liveness.heardStatus(said);
  live = liveness.judge();
  stage.chooseWithinS = live.state === "held" ? Infinity : status.choose_within_s;
  if (live.state === "stale") stage.showStale(status.targets);
  numbers();
  refresh();
}

// The line comes or goes: what was said before is not known to be true any more.
function lineChanged() {
  liveness.reset();
  status = null;
  live = liveness.judge();
  numbers();
  refresh();
}

// Ten times a second, whether anything is heard or not.
function tick() {
  const before = live.state;
  live = liveness.judge();
  if (live.state !== before || live.state === "stale" || live.state === "silent") refresh();
}

function showTargets() {
  const targets = targetsNow();
  listTargets($("targets"), targets, isAnswering(), (id) => command({ do: "forget", id }));
  $("no-targets").hidden = targets.length > 0;
  put($("no-targets"), status ? "None yet. Drag a box around one on the picture." : "Not known without a connection.");
}

// Those of the picture on the screen; without an answer to it, the last ones that were heard of.
function targetsNow() {
  if (!status) return [];
  return (live.state !== "stale" && stage.choosing !== "frozen" && stage.now?.targets) || status.targets;
}

function isAnswering() {
  return line.isOpen && status !== null && live.state !== "silent";
}

// --- what goes out

async function command(what) {
  try {
    return await line.ask(what);
  } catch (why) {
    toast(String(why));
    return null;
  }
}

async function follow({ x, y, w, h }, stamp) {
  const id = await command({ do: "follow", box: [x, y, w, h], stamp });
  if (id === null) return;
  announce(`Asked to follow target ${id}.`);
  const until = performance.now() + FOLLOW_WAIT_MS;
  const check = () => {
    if (!status || targetsNow().some((target) => target.id === id)) return;
    const refusal = status.diagnostics.find(({ text }) => text.includes("a box was refused"));
    if (refusal) toast(refusal.text);
    else if (performance.now() > until) toast(`Time ran out: the tracker did not take up target ${id} within ${FOLLOW_WAIT_MS / 1000} s.`);
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
$("pause").addEventListener("click", () => command({ do: "pause", paused: playing(status)[1] }));
$("record").addEventListener("click", () => command({ do: "record", on: !status?.recording.on }));

// The picture alone, with its buttons: by the browser's own full screen where it has one.
function showFull(isFull) {
  document.body.dataset.full = isFull;
  put($("full"), isFull ? "Leave full screen" : "Full screen");
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
    put($("login-error"), await line.logIn($("token").value));
  } catch {
    put($("login-error"), "The dashboard does not answer.");
  }
  $("token").value = "";
  if ($("login-error").textContent) return;
  $("login").hidden = true;
  $("dashboard").hidden = false;
  line.open();
});

// --- what is said

function refresh() {
  const targets = targetsNow();
  const now = {
    isOpen: line.isOpen, problem: line.problem, status, live, choosing: stage.choosing,
    hasPicture: stage.now !== null, targets,
  };
  const [text, tone] = guidance(now);
  $("guide").setAttribute("aria-live", gistOf(text) === spoken ? "off" : "polite");
  spoken = gistOf(text);
  put($("guide"), text);
  $("guide").dataset.tone = tone;
  cover(covering(now));
  setLink(...linkState(now));
  document.body.dataset.answering = isAnswering();
  showTargets();
  buttons(targets);
  if (stage.choosing === "adjusting" && stage.box) {
    const { x, y, w, h } = stage.box;
    announce(`Box ${Math.round(w)} by ${Math.round(h)} at ${Math.round(x)}, ${Math.round(y)}.`);
  }
}

function cover(said) {
  $("cover").hidden = !said || (stage.choosing !== "" && isAnswering());
  if (!said) return;
  put($("cover-title"), said[0]);
  put($("cover-text"), said[1]);
  $("cover").dataset.tone = said[2];
}

function buttons(targets) {
  const canAsk = isAnswering();
  const isReady = canAsk && status.playback !== "loading";
  $("tools").hidden = stage.choosing === "adjusting";
  $("choosing").hidden = stage.choosing !== "adjusting";
  $("follow").disabled = !canAsk;
  $("draw").disabled = !isReady || !stage.now || status.playback === "ended";
  $("pause").disabled = !isReady || !status.is_tracker_there;
  $("reset").disabled = !isReady || !targets.length;
  $("record").disabled = !canAsk || !status.recording.possible;
  if (!status) return;
  const { possible, on } = status.recording;
  $("record").title = possible ? "" : "No folder for recordings is configured.";
  put($("pause"), playing(status)[0]);
  put($("record"), on ? "Stop recording" : "Record");
  $("record").dataset.on = on;
  recordingText($("recording"), status.recording);
}

function numbers() {
  const rate = (value) => (value ? value.toFixed(1) : "–");
  const seen = shownAt.filter((at) => performance.now() - at < RATE_WINDOW_MS);
  const page = seen.length > 1 ? ((seen.length - 1) * 1000) / (seen.at(-1) - seen[0]) : 0;
  put($("source"), status?.source ?? "");
  put($("camera-hz"), rate(status?.camera_hz));
  put($("answers-hz"), rate(status?.answers_hz));
  put($("page-hz"), rate(status && page));
  put($("dropped"), `${status?.dropped ?? "–"}`);
  const latency = status?.latency ?? { stages: [], frames: [], age_ms: {} };
  for (const name of ["p50", "p95", "p99"]) {
    const ms = latency.age_ms[name];
    put($(name), ms === undefined || ms === null ? "–" : `${ms.toFixed(0)} ms`);
  }
  drawLegend($("legend"), latency.stages);
  drawChart($("chart"), latency);
  listValues($("engine"), status?.engine ?? {});
  const diagnostics = status?.diagnostics ?? [];
  listDiagnoses($("diagnostics"), diagnostics);
  $("no-diagnostics").hidden = diagnostics.length > 0;
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

// For a screen reader, half a second after the last change; said again only when it is news.
let announceTimer = 0;
let announced = "";
function announce(text) {
  if (text === announced) return;
  announced = text;
  clearTimeout(announceTimer);
  announceTimer = setTimeout(() => put($("announce"), text), 500);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  line.open();
  tick();
});

setInterval(tick, TICK_MS);
line.open();
