// The WebSocket to the dashboard: opens it, reopens it, and passes frames and messages on.

const SILENT_MS = 2500; // without a message for this long, the connection is considered lost
const LONGEST_RETRY_MS = 4000;
const ANSWER_MS = 12000; // longer than the dashboard's own timeouts

export class Connection {
  // Callbacks: on.frame(about, bitmap) for each frame, the bitmap is closed afterwards;
  // on.status(status); on.refusal(text) for an error that belongs to no command; on.token() if a
  // token is required; on.change() when the connection opens or closes.
  constructor(on) {
    this.on = on;
    this.problem = ""; // why there is no connection
    this.socket = null;
    this.pending = new Map(); // commands without a reply, by number
    this.commands = 0;
    this.receivedAt = 0;
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
      else this.problem = (await answer.json()).full ? "Too many pages are open. Close another page." : "";
    } catch {
      this.problem = "The dashboard does not answer.";
    }
    if (this.problem) this.retry();
    else this.connect();
    this.on.change();
  }

  // Returns the error text, or "".
  async logIn(token) {
    const answer = await fetch("session", { method: "POST", body: JSON.stringify({ token }), signal: AbortSignal.timeout(ANSWER_MS) });
    return answer.ok ? "" : answer.text();
  }

  connect() {
    if (this.socket) return;
    // Relative to the page: a proxy may serve it under a path.
    const address = new URL("live", location.href.replace(/[?#].*/, ""));
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.socket = socket;
    this.receivedAt = performance.now();
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.receivedAt = performance.now();
      this.retryMs = 500;
      if (typeof data === "string") this.onMessage(JSON.parse(data));
      else this.show(socket, data);
    };
    socket.onclose = () => this.onClose(socket);
  }

  onClose(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.problem = "The connection was lost. Reconnecting …";
    for (const { fail } of this.pending.values()) fail("The connection was lost.");
    this.pending.clear();
    this.retry();
    this.on.change();
  }

  check() {
    const socket = this.socket;
    if (!socket || performance.now() - this.receivedAt < SILENT_MS) return;
    socket.close();
    this.onClose(socket);
  }

  retry() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
  }

  // One message: the length of its JSON, the JSON, the JPEG. Every frame is acknowledged, so that
  // the dashboard never sends more than the page can show.
  async show(socket, data) {
    const length = new DataView(data).getUint32(0, true);
    const about = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    try {
      if (!document.hidden) {
        const jpeg = new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" });
        const bitmap = await createImageBitmap(jpeg);
        this.on.frame(about, bitmap);
        bitmap.close();
      }
    } finally {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ do: "shown", number: about.number }));
    }
  }

  onMessage(message) {
    if (message.kind === "status") return this.on.status(message);
    const waiting = this.pending.get(message.to);
    this.pending.delete(message.to);
    if (waiting) (message.ok ? waiting.done : waiting.fail)(message.text);
    else if (!message.ok) this.on.refusal(message.text);
  }

  // Sends a command and returns the reply; rejects with the reason if it is refused.
  ask(what) {
    return new Promise((done, fail) => {
      if (this.socket?.readyState !== WebSocket.OPEN) return fail("There is no connection.");
      const n = ++this.commands;
      const timer = setTimeout(() => {
        this.pending.delete(n);
        fail(`Timeout: no reply within ${ANSWER_MS / 1000} s.`);
      }, ANSWER_MS);
      const ended = (end) => (text) => { clearTimeout(timer); end(text); };
      this.pending.set(n, { done: ended(done), fail: ended(fail) });
      this.socket.send(JSON.stringify({ ...what, n }));
    });
  }
}
