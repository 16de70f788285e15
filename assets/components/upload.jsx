// The upload queue: picks files by button or by dropping them anywhere on the page, sends each
// with XMLHttpRequest (fetch cannot tell how many bytes have left) and keeps what failed, so
// that a retry needs no second picking. What it tells the page is a hint: the page re-reads
// its rows from the server.
import { createElement as h, useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";

const AT_ONCE = 2;
const LIST_LIMIT = 200;
const NONE = [];
// Queues live outside the component: going to another page of the studio does not end them.
const queues = new Map();

class Queue {
  constructor(endpoint) {
    this.endpoint = endpoint;
    this.rows = NONE;
    this.listeners = new Set();
    this.onSettled = () => {};
    this.requests = new Map();
    this.serial = 0;
  }

  subscribe = (listener) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = () => this.rows;

  set(rows) {
    this.rows = rows;
    this.listeners.forEach((listener) => listener());
  }

  update(id, change) {
    this.set(this.rows.map((row) => (row.id === id ? { ...row, ...change } : row)));
  }

  add(files, maxBytes) {
    const room = Math.max(0, LIST_LIMIT - this.rows.length);
    const rows = files.slice(0, room).map((file) => {
      const id = `upload-${++this.serial}`;
      const refusal = file.size > maxBytes ? tooLarge(file, maxBytes) : "";
      return { id, file, name: file.name, size: file.size, sent: 0, detail: refusal, state: refusal ? "refused" : "waiting" };
    });
    this.set([...this.rows, ...rows]);
    this.pump();
  }

  pump() {
    const free = AT_ONCE - this.requests.size;
    this.rows
      .filter((row) => row.state === "waiting")
      .slice(0, Math.max(0, free))
      .forEach((row) => this.send(row));
  }

  send(row) {
    const request = new XMLHttpRequest();
    this.requests.set(row.id, request);
    this.update(row.id, { state: "sending", sent: 0, detail: "" });
    request.open("POST", this.endpoint);
    request.upload.onprogress = (event) => this.update(row.id, { sent: Math.min(event.loaded, row.size) });
    request.onload = () => this.answered(row, request);
    request.onerror = () => this.ended(row.id, { state: "interrupted", detail: "The connection was lost. Nothing was stored." });
    request.onabort = () => this.ended(row.id, null);
    const body = new FormData();
    body.append("file", row.file, row.name);
    request.send(body);
  }

  answered(row, request) {
    const answer = parsed(request.responseText);
    if (request.status === 201 || request.status === 200) {
      this.ended(row.id, null);
      this.onSettled(String(answer.id ?? ""), "stored");
    } else if (request.status >= 500 || request.status === 0) {
      this.ended(row.id, { state: "interrupted", detail: answer.detail || "The studio could not take this file just now." });
    } else {
      const state = request.status === 409 ? "there" : "refused";
      this.ended(row.id, { state, detail: answer.detail || "The studio did not accept this file." });
      this.onSettled("", state);
    }
  }

  ended(id, change) {
    this.requests.delete(id);
    if (change) this.update(id, change);
    else this.set(this.rows.filter((row) => row.id !== id));
    this.pump();
  }

  retry(id) {
    this.update(id, { state: "waiting", detail: "" });
    this.pump();
  }

  retryAll() {
    this.rows.filter((row) => row.state === "interrupted").forEach((row) => this.retry(row.id));
  }

  remove(id) {
    const request = this.requests.get(id);
    if (request) request.abort();
    else this.ended(id, null);
  }

  get busy() {
    return this.rows.some((row) => row.state === "sending" || row.state === "waiting");
  }
}

function queueOf(endpoint) {
  if (!queues.has(endpoint)) queues.set(endpoint, new Queue(endpoint));
  return queues.get(endpoint);
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

function bytes(count) {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${Math.round(count / 1e3)} KB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

function tooLarge(file, maxBytes) {
  return `This file has ${bytes(file.size)}; the limit is ${Math.round(maxBytes / 1048576)} MB. Split it, or leave out what the clone does not need.`;
}

const WORDS = {
  waiting: () => "Waiting for its turn",
  sending: (row) => `Uploading, ${bytes(row.sent)} of ${bytes(row.size)}`,
  interrupted: () => "Interrupted",
  there: () => "Already there",
  refused: () => "Not accepted",
};

function UploadRow({ row, queue }) {
  const running = row.state === "sending" || row.state === "waiting";
  const action = (label, run) =>
    h("button", { type: "button", className: "upload-action", onClick: run, "aria-label": `${label}: ${row.name}` }, label);
  return h(
    "li",
    { className: "upload-row", "data-state": row.state },
    h("span", { className: "upload-name", title: row.name }, row.name),
    h("span", { className: "upload-words" }, WORDS[row.state](row)),
    h(
      "span",
      { className: "upload-actions" },
      row.state === "interrupted" && action("Try again", () => queue.retry(row.id)),
      action(running ? "Cancel" : "Dismiss", () => queue.remove(row.id)),
    ),
    row.state === "sending" &&
      h("progress", { className: "upload-bar", max: row.size || 1, value: row.sent, "aria-label": `Bytes sent of ${row.name}` }),
    row.detail && h("span", { className: "upload-detail" }, row.detail),
  );
}

// A dropped folder arrives as an entry without content: leave it out here, the drop says so.
function dropped(transfer) {
  const items = Array.from(transfer.items ?? []).filter((item) => item.kind === "file");
  const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
  if (!folders.length) return Array.from(transfer.files);
  return items.filter((item) => !folders.includes(item)).map((item) => item.getAsFile());
}

function useDropAnywhere(enabled, take) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (!enabled) return undefined;
    let depth = 0;
    const carriesFiles = (event) => Array.from(event.dataTransfer?.types ?? []).includes("Files");
    const on = (type, act) => {
      const listener = (event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        act(event);
      };
      window.addEventListener(type, listener);
      return () => window.removeEventListener(type, listener);
    };
    const ends = [
      on("dragenter", () => setOver(++depth > 0)),
      on("dragover", (event) => (event.dataTransfer.dropEffect = "copy")),
      on("dragleave", () => setOver((depth = Math.max(0, depth - 1)) > 0)),
      on("drop", (event) => {
        depth = 0;
        setOver(false);
        take(dropped(event.dataTransfer));
      }),
    ];
    return () => ends.forEach((end) => end());
  }, [enabled, take]);
  return over;
}

export function Uploader({ endpoint, maxBytes, accept, buttonLabel, dropLabel, onSettled }) {
  const queue = queueOf(endpoint || "");
  const rows = useSyncExternalStore(queue.subscribe, queue.snapshot, () => NONE);
  const input = useRef(null);
  const take = useCallback((files) => files.length && queue.add(files, maxBytes), [queue, maxBytes]);
  const over = useDropAnywhere(Boolean(endpoint), take);
  useEffect(() => {
    queue.onSettled = onSettled ?? (() => {});
    return () => (queue.onSettled = () => {});
  }, [queue, onSettled]);
  useEffect(() => {
    const again = () => queue.retryAll();
    const stay = (event) => queue.busy && event.preventDefault();
    window.addEventListener("online", again);
    window.addEventListener("beforeunload", stay);
    return () => {
      window.removeEventListener("online", again);
      window.removeEventListener("beforeunload", stay);
    };
  }, [queue]);
  const pick = (event) => {
    take(Array.from(event.target.files));
    // The same file can be picked again after its row was dismissed.
    event.target.value = "";
  };
  return h(
    "div",
    { className: "upload" },
    h("input", { ref: input, type: "file", multiple: true, accept, hidden: true, onChange: pick, "aria-label": buttonLabel }),
    h("button", { type: "button", className: "upload-button", disabled: !endpoint, onClick: () => input.current.click() }, buttonLabel),
    rows.length > 0 &&
      h("ul", { className: "upload-list", "aria-label": "Uploads" }, rows.map((row) => h(UploadRow, { key: row.id, row, queue }))),
    over && h("div", { className: "upload-drop", role: "status" }, h("strong", null, dropLabel)),
  );
}
