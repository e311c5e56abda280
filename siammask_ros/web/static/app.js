// The page: what comes in over the line is shown, and the buttons do what they say.

import { drawChart, drawLegend } from "./chart.js";
import { Connection } from "./connection.js";
import { Stage } from "./stage.js";
import { covering, gistOf, guidance, linkState, listDiagnoses, listTargets, listValues, put } from "./words.js";

const FOLLOW_WAIT_MS = 10000; // a target that has not appeared by then will not
const RATE_WINDOW_MS = 3000;

const $ = (id) => document.getElementById(id);
const stage = new Stage($("stage"), { onBox: follow, onChange: refresh, onTooSmall: tooSmall });
const line = new Connection({ picture: show, status: heed, refusal: toast, token: askForToken, change: refresh });
let status = null;
let shownAt = [];
let states = ""; // who is in which state on the newest picture
let spoken = "";

// --- what comes in

function show(about, bitmap) {
  if (!stage.show(about, bitmap)) return;
  const now = performance.now();
  shownAt = [...shownAt.filter((at) => now - at < RATE_WINDOW_MS), now];
  showTargets(about.targets ?? []);
  const before = states;
  states = JSON.stringify(about.targets?.map(({ id, state }) => [id, state]));
  if (states !== before) refresh();
  stage.element.dispatchEvent(new CustomEvent("shown", { detail: about }));
}

function heed(said) {
  status = said;
  stage.chooseWithinS = status.choose_within_s;
  if (status.is_stale) {
    stage.showStale(status.targets);
    showTargets(status.targets);
  }
  refresh();
}

function showTargets(targets) {
  listTargets($("targets"), targets, (id) => command({ do: "forget", id }));
  $("no-targets").hidden = targets.length > 0;
}

// Those of the picture on the screen; without an answer to it, the last ones that were heard of.
function targetsNow() {
  return (!status.is_stale && stage.choosing !== "frozen" && stage.now?.targets) || status.targets;
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
    if (!line.isOpen || targetsNow().some((target) => target.id === id)) return;
    const refusal = status.diagnostics.find(({ text }) => text.includes("a box was refused"));
    if (refusal) toast(refusal.text);
    else if (performance.now() > until) toast(`Target ${id} was not taken up.`);
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
$("pause").addEventListener("click", () => command({ do: "pause", paused: !status?.paused }));
$("record").addEventListener("click", () => command({ do: "record", on: !status?.recording.on }));

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
  const now = {
    isOpen: line.isOpen, problem: line.problem, status, choosing: stage.choosing,
    hasPicture: stage.now !== null, targets: status ? targetsNow() : [],
  };
  const [text, tone] = guidance(now);
  $("guide").setAttribute("aria-live", gistOf(text) === spoken ? "off" : "polite");
  spoken = gistOf(text);
  put($("guide"), text);
  $("guide").dataset.tone = tone;
  cover(covering(now));
  setLink(...linkState(now));
  buttons(now);
  if (status) numbers();
  if (stage.choosing === "adjusting" && stage.box) {
    const { x, y, w, h } = stage.box;
    announce(`Box ${Math.round(w)} by ${Math.round(h)} at ${Math.round(x)}, ${Math.round(y)}.`);
  }
}

function cover(said) {
  $("cover").hidden = !said || (stage.choosing !== "" && line.isOpen);
  if (!said) return;
  put($("cover-title"), said[0]);
  put($("cover-text"), said[1]);
  $("cover").dataset.tone = said[2];
}

function buttons({ isOpen, hasPicture, targets }) {
  const live = isOpen && status !== null;
  $("tools").hidden = stage.choosing === "adjusting";
  $("choosing").hidden = stage.choosing !== "adjusting";
  $("draw").disabled = !live || !hasPicture;
  $("pause").disabled = !live || !status.is_tracker_there;
  $("reset").disabled = !live || !targets.length;
  $("record").disabled = !live || !status.recording.possible;
  if (!live) return;
  $("record").title = status.recording.possible ? "" : "No folder for recordings is configured.";
  press($("pause"), status.paused, "Go on", "Pause");
  press($("record"), status.recording.on, "Stop recording", "Record");
  put($("recording"), status.recording.text);
}

function press(button, isPressed, pressed, released) {
  put(button, isPressed ? pressed : released);
  button.setAttribute("aria-pressed", isPressed);
}

function numbers() {
  put($("source"), status.source);
  const rate = (value) => (value ? value.toFixed(1) : "–");
  const seen = shownAt.filter((at) => performance.now() - at < RATE_WINDOW_MS);
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
  listValues($("engine"), status.engine);
  listDiagnoses($("diagnostics"), status.diagnostics);
  $("no-diagnostics").hidden = status.diagnostics.length > 0;
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
  if (!document.hidden) line.open();
});

line.open();
