// Decides whether the image on the screen is live, with the page's own clock: a dashboard that has
// stopped cannot report it.

export const SILENT_S = 0.6; // a status comes four times a second
const PERIODS = 3, MEASURED = 5, LONGEST_S = 10;

export class Liveness {
  constructor(clock = () => performance.now() / 1000) {
    this.clock = clock;
    this.reset();
  }

  // Call it when the connection opens or closes.
  reset() {
    this.status = null;
    this.messageS = this.statusS = this.clock();
    this.frameS = null;    // when the newest frame arrived
    this.resumedS = null;  // when a video began to move, until its next frame
    this.intervalsS = [];  // between the last frames
  }

  setStatus(status) {
    const now = this.clock();
    if (isHeld(this.status) && !isHeld(status)) this.resumedS = now;
    this.status = status;
    this.messageS = this.statusS = now;
  }

  addFrame() {
    const now = this.clock();
    const isConsecutive = this.frameS !== null && this.resumedS === null;
    if (isConsecutive) this.intervalsS = [...this.intervalsS, now - this.frameS].slice(-MEASURED);
    this.messageS = this.frameS = now;
    this.resumedS = null;
  }

  // state: "silent" without messages from the dashboard, "none" without any frame, "held" while a
  // video stands still, "starting" until the first result after that, "stale" for an old image,
  // else "live". sinceS: time without news; cameraRuns: whether the dashboard receives images.
  evaluate() {
    const now = this.clock();
    if (!this.status) return { state: "none", sinceS: 0, cameraRuns: false };
    const silentS = now - this.messageS;
    if (silentS > SILENT_S) return { state: "silent", sinceS: silentS, cameraRuns: false };
    const { since_frame_s: cameraAgeS, stale_after_s: limitS } = this.status;
    if (isHeld(this.status)) return { state: "held", sinceS: 0, cameraRuns: false };
    if (cameraAgeS === null && this.frameS === null) return { state: "none", sinceS: 0, cameraRuns: false };
    const cameraS = cameraAgeS === null ? 0 : cameraAgeS + now - this.statusS;
    // While a video stands still, its image does not become old.
    const newestS = this.resumedS ?? this.frameS;
    const frameS = newestS === null ? cameraS : now - newestS;
    if (this.resumedS !== null && frameS <= LONGEST_S) return { state: "starting", sinceS: frameS, cameraRuns: true };
    const frameLimitS = Math.max(limitS, Math.min(PERIODS * Math.max(...this.intervalsS, 0), LONGEST_S));
    const cameraRuns = cameraS <= limitS;
    if (cameraRuns && frameS <= frameLimitS) return { state: "live", sinceS: frameS, cameraRuns };
    return { state: "stale", sinceS: cameraRuns ? frameS : cameraS, cameraRuns };
  }
}

function isHeld(status) {
  return Boolean(status?.playback) && (status.playback !== "playing" || Boolean(status.paused));
}
