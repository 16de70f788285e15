// A marked passage that comes into view, and takes the focus, whenever `place` changes: a
// reader who asked for a source, by mouse or by keyboard, arrives at its words.
import { createElement as h, useEffect, useRef } from "react";

export function Passage({ text, place }) {
  const mark = useRef(null);
  useEffect(() => {
    mark.current?.scrollIntoView({ block: "center" });
    mark.current?.focus({ preventScroll: true });
  }, [place]);
  return h("mark", { ref: mark, tabIndex: -1, className: "passage" }, text);
}
