// The line to the dashboard: opened, kept open, and opened again; pictures and words come out.

const SILENT_MS = 2500; // without a word for so long, the line is dead whatever the browser thinks
const LONGEST_RETRY_MS = 4000;
const ANSWER_MS = 12000; // longer than the dashboard itself waits for anything

export class Connection {
  // on.picture(about, bitmap) for each picture, which is closed afterwards; on.status(status);
  // on.refusal(text) for what nobody asked for; on.token() where one is needed;
  // on.change() whenever the line comes or goes.
  constructor(on) {
    this.on = on;
    this.problem = ""; // why there is no line
    this.socket = null;
    this.pending = new Map(); // commands that are not answered yet, by their number
    this.commands = 0;
    this.heardAt = 0;
    this.retryMs = 500;
    this.timer = 0;
    setInterval(() => this.check(), 500);
  }

  get isOpen() {
    return this.socket !== null;
  }

  async open() {
    clearTimeout(this.timer);
    if (this.socket) return;
    const token = decodeURIComponent(location.hash.slice(1));
    if (token) history.replaceState(null, "", location.pathname);
    try {
      if (token) await this.logIn(token);
      const answer = await fetch("session", { signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.status === 401) return this.on.token();
      if (!answer.ok) this.problem = await answer.text();
      else this.problem = (await answer.json()).full ? "Too many pages are open. Close one of them." : "";
    } catch {
      this.problem = "The dashboard does not answer.";
    }
    if (this.problem) this.retry();
    else this.connect();
    this.on.change();
  }

  // What is wrong with the token, or nothing.
  async logIn(token) {
    const answer = await fetch("session", { method: "POST", body: JSON.stringify({ token }), signal: AbortSignal.timeout(ANSWER_MS) });
    return answer.ok ? "" : answer.text();
  }

  connect() {
    if (this.socket) return;
    // Beside the page, which a proxy may serve below a path of its own.
    const address = new URL("live", location.href.replace(/[?#].*/, ""));
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.heardAt = performance.now();
      this.retryMs = 500;
      if (typeof data === "string") this.heed(JSON.parse(data));
      else this.show(socket, data);
    };
    socket.onclose = () => this.closed(socket);
  }

  closed(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.problem = "The connection was lost. Trying again …";
    for (const { fail } of this.pending.values()) fail("The connection was lost.");
    this.pending.clear();
    this.retry();
    this.on.change();
  }

  check() {
    const socket = this.socket;
    if (!socket || performance.now() - this.heardAt < SILENT_MS) return;
    socket.close();
    this.closed(socket);
  }

  retry() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
  }

  // One message: the length of its JSON, the JSON, the JPEG. What was shown is said back, so that
  // the dashboard never sends more than can be shown.
  async show(socket, data) {
    const length = new DataView(data).getUint32(0, true);
    const about = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    try {
      if (!document.hidden) {
        const jpeg = new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" });
        const bitmap = await createImageBitmap(jpeg);
        this.on.picture(about, bitmap);
        bitmap.close();
      }
    } finally {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ do: "seen", number: about.number }));
    }
  }

  heed(message) {
    if (message.kind === "status") return this.on.status(message);
    const waiting = this.pending.get(message.to);
    this.pending.delete(message.to);
    if (waiting) (message.ok ? waiting.done : waiting.fail)(message.text);
    else if (!message.ok) this.on.refusal(message.text);
  }

  // The answer to a command; fails with the reason where it is refused.
  ask(what) {
    return new Promise((done, fail) => {
      if (this.socket?.readyState !== WebSocket.OPEN) return fail("There is no connection.");
      const n = ++this.commands;
      const timer = setTimeout(() => {
        this.pending.delete(n);
        fail(`Time ran out: no answer within ${ANSWER_MS / 1000} s.`);
      }, ANSWER_MS);
      const ended = (end) => (text) => { clearTimeout(timer); end(text); };
      this.pending.set(n, { done: ended(done), fail: ended(fail) });
      this.socket.send(JSON.stringify({ ...what, n }));
    });
  }
}
