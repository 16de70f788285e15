// The player: one sound at a time for the whole page, whichever button asked for it, streamed
// from an address of the studio. A button shows what the player does with its own address.
import { createElement as h, useEffect, useRef, useState, useSyncExternalStore } from "react";

const VOLUME = "studio.volume";
// React may take a button away and put it back in one breath, as when an answer is finished.
const GONE_MS = 600;
const IDLE = { address: "", state: "idle", words: "", notice: "", from: 0, goOn: 0 };
const listeners = new Set();
const shown = new Map();
let now = IDLE;
let sound = null;
// Events of a sound that was given up must not be taken for those of the next.
let run = 0;

function set(change) {
  now = { ...now, ...change };
  listeners.forEach((listener) => listener());
}

function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function element() {
  if (sound) return sound;
  sound = document.createElement("audio");
  sound.preload = "none";
  sound.volume = savedVolume();
  document.body.append(sound);
  sound.addEventListener("playing", started);
  sound.addEventListener("waiting", () => now.state === "playing" && set({ state: "loading" }));
  sound.addEventListener("pause", () => now.state === "playing" && !sound.ended && set({ state: "paused" }));
  sound.addEventListener("ended", () => settle("The connection was lost. What arrived was played."));
  sound.addEventListener("error", () => sound.getAttribute("src") && settle("The audio did not arrive. Check the connection, then try again."));
  return sound;
}

function savedVolume() {
  const kept = Number.parseFloat(localStorage.getItem(VOLUME) ?? "");
  return kept >= 0 && kept <= 1 ? kept : 1;
}

function play(address, from = 0) {
  run += 1;
  set({ ...IDLE, address, from, state: "loading" });
  const audio = element();
  audio.src = from ? `${address}?from=${from}` : address;
  // A refusal also comes as an event, which knows more.
  audio.play().catch(() => {});
}

function stop() {
  run += 1;
  if (sound) {
    sound.pause();
    sound.removeAttribute("src");
    sound.load();
  }
  set(IDLE);
}

function toggle() {
  if (now.state === "paused") element().play().catch(() => {});
  else element().pause();
}

async function asked(address) {
  try {
    const answer = await fetch(`${address}/status`, { headers: { Accept: "application/json" } });
    return await answer.json();
  } catch {
    return {};
  }
}

async function started() {
  const mine = run;
  set({ state: "playing" });
  const status = await asked(now.address);
  if (mine !== run) return;
  set({ notice: status.notice ?? "" });
  shown.get(now.address)?.forEach((tell) => tell(Math.round(status.firstAudioMs ?? 0)));
}

// The sound has ended: because all was said, or because something broke, which the studio knows.
async function settle(lost) {
  const mine = run;
  const status = await asked(now.address);
  if (mine !== run) return;
  const heard = sound.ended || (now.from && now.from >= status.bytes);
  if (status.state === "ready" && heard) set({ ...IDLE, notice: status.notice ?? "", address: now.address });
  else set({ state: "failed", words: status.problem || status.detail || lost, goOn: status.bytes ?? 0 });
}

const ICONS = {
  listen: "M11 4.7a.7.7 0 0 0-1.2-.5L6.4 7.6a1.4 1.4 0 0 1-1 .4H3a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2.4a1.4 1.4 0 0 1 1 .4l3.4 3.4a.7.7 0 0 0 1.2-.5zM16 9a5 5 0 0 1 0 6M19.4 18.4a9 9 0 0 0 0-12.8",
  play: "M6 4.5v15a.8.8 0 0 0 1.2.7l12-7.5a.8.8 0 0 0 0-1.4l-12-7.5A.8.8 0 0 0 6 4.5z",
  pause: "M8 5v14M16 5v14",
  stop: "M6 6h12v12H6z",
  loading: "M21 12a9 9 0 1 1-6.2-8.6",
  retry: "M21 12a9 9 0 1 1-2.6-6.4L21 8M21 3v5h-5",
};

function icon(name) {
  const shape = h("path", { d: ICONS[name] });
  const looks = { viewBox: "0 0 24 24", width: 16, height: 16, fill: "none", stroke: "currentColor", strokeWidth: 2 };
  const ends = { strokeLinecap: "round", strokeLinejoin: "round", "aria-hidden": true };
  return h("svg", { ...looks, ...ends, className: name === "loading" ? "turns" : undefined }, shape);
}

function press(name, label, words, act) {
  // After the first click another button stands in this place; a double click is one wish.
  const onClick = (event) => event.detail < 2 && act();
  const className = `btn btn--quiet btn--small${words ? "" : " btn--icon"}`;
  return h("button", { type: "button", className, onClick, "aria-label": label, "data-tip": words ? undefined : label }, icon(name), words);
}

function Volume() {
  const [volume, setVolume] = useState(savedVolume);
  const change = (event) => {
    const wanted = Number(event.target.value);
    element().volume = wanted;
    localStorage.setItem(VOLUME, String(wanted));
    setVolume(wanted);
  };
  return h("input", { type: "range", className: "speak-volume", min: 0, max: 1, step: 0.05, value: volume, onChange: change, "aria-label": "Volume" });
}

function controls(state, address, label) {
  if (state === "loading") return [press("loading", `Stop: ${label}`, "Stop", stop)];
  if (state === "playing") return [press("pause", "Pause", "Pause", toggle), press("stop", "Stop listening", "", stop), h(Volume, { key: "volume" })];
  if (state === "paused") return [press("play", "Go on", "Go on", toggle), press("stop", "Stop listening", "", stop), h(Volume, { key: "volume" })];
  return [press("listen", label, "Listen", () => play(address))];
}

function problem(state) {
  const again = () => play(state.address, state.goOn);
  const words = state.goOn ? "Go on" : "Try again";
  return h(
    "span",
    { className: "speak-note", "data-state": "failed" },
    state.words,
    press("retry", words, words, again),
  );
}

export function SpeakButton({ address, label, auto, onStarted }) {
  const player = useSyncExternalStore(subscribe, () => now, () => IDLE);
  useEffect(() => {
    const tell = (milliseconds) => onStarted?.(milliseconds);
    const tellers = shown.get(address) ?? new Set();
    shown.set(address, tellers.add(tell));
    return () => {
      tellers.delete(tell);
      if (!tellers.size) setTimeout(() => !tellers.size && now.address === address && stop(), GONE_MS);
    };
  }, [address, onStarted]);
  const played = useRef(0);
  useEffect(() => {
    if (auto && auto !== played.current) play(address);
    played.current = auto;
  }, [auto, address]);
  const mine = player.address === address;
  const state = mine ? player.state : "idle";
  return h(
    "span",
    { className: "speak", "data-state": state },
    ...controls(state, address, label),
    h(
      "span",
      { role: "status", className: "speak-words" },
      mine && state === "failed" && problem(player),
      mine && player.notice && h("span", { className: "speak-note" }, player.notice),
    ),
  );
}
