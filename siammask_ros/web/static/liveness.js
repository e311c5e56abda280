// Whether the picture on the screen is live, by this page's own clock: a dashboard that has stopped
// cannot say so.

export const SILENT_S = 0.6; // a status comes four times a second
const PERIODS = 3, MEASURED = 5, LONGEST_S = 10;

export class Liveness {
  constructor(clock = () => performance.now() / 1000) {
    this.clock = clock;
    this.reset();
  }

  // Begins anew with a new connection.
  reset() {
    this.status = null;
    this.heardS = this.statusS = this.clock();
    this.pictureS = null;  // when the newest picture came
    this.intervalsS = [];  // between the last pictures
  }

  heardStatus(status) {
    this.status = status;
    this.heardS = this.statusS = this.clock();
  }

  heardPicture() {
    const now = this.clock();
    if (this.pictureS !== null) this.intervalsS = [...this.intervalsS, now - this.pictureS].slice(-MEASURED);
    this.heardS = this.pictureS = now;
  }

  // state: "silent" where the dashboard says nothing, "none" where no picture has come, "held" where
  // a video stands still, "stale" where the picture is old, "live". sinceS: seconds without news;
  // cameraRuns: whether the dashboard still gets pictures.
  judge() {
    const now = this.clock();
    if (!this.status) return { state: "none", sinceS: 0, cameraRuns: false };
    const silentS = now - this.heardS;
    if (silentS > SILENT_S) return { state: "silent", sinceS: silentS, cameraRuns: false };
    const { since_picture_s: told, stale_after_s: limitS, playback, paused } = this.status;
    if (playback && (playback !== "playing" || paused)) return { state: "held", sinceS: 0, cameraRuns: false };
    if (told === null && this.pictureS === null) return { state: "none", sinceS: 0, cameraRuns: false };
    const cameraS = told === null ? 0 : told + now - this.statusS;
    const pictureS = this.pictureS === null ? cameraS : now - this.pictureS;
    const pictureLimitS = Math.max(limitS, Math.min(PERIODS * Math.max(...this.intervalsS, 0), LONGEST_S));
    const cameraRuns = cameraS <= limitS;
    if (cameraRuns && pictureS <= pictureLimitS) return { state: "live", sinceS: pictureS, cameraRuns };
    return { state: "stale", sinceS: cameraRuns ? pictureS : cameraS, cameraRuns };
  }
}
