// Keys that work on every page. It runs in the browser because a key must not travel to the
// server to be ignored there, and because Ctrl+K has to be kept from the browser itself.
import { useEffect, useRef } from "react";

const typing = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName));

// Arrow keys move through what can be focused inside an element marked `data-arrows`.
function moveFocus(event) {
  const area = event.target.closest?.("[data-arrows]");
  if (!area) return;
  const stops = [...area.querySelectorAll("input, a[href], button")];
  const at = stops.indexOf(document.activeElement);
  const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

export function Shortcuts({ onSearch, onHelp, onRail }) {
  const handlers = useRef({});
  handlers.current = { onSearch, onHelp, onRail };
  useEffect(() => {
    const pressed = (event) => {
      if (event.isComposing || event.defaultPrevented) return;
      const held = event.ctrlKey || event.metaKey;
      if (held && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        handlers.current.onSearch?.();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        moveFocus(event);
      } else if (event.key === "Enter" && event.target.matches?.("[data-arrows] input")) {
        event.preventDefault();
        event.target.closest("[data-arrows]").querySelector("a[href]")?.click();
      } else if (held || event.altKey || typing(event.target)) {
        return;
      } else if (event.key === "?") {
        event.preventDefault();
        handlers.current.onHelp?.();
      } else if (event.key === "[") {
        handlers.current.onRail?.();
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
  return null;
}
