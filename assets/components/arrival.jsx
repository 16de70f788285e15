// What comes into view, and takes the focus, whenever `place` changes: whoever asked for it, by
// mouse or by keyboard, arrives at it.
import { createElement as h, useEffect, useRef } from "react";

function useArrival(place, block) {
  const element = useRef(null);
  useEffect(() => {
    element.current?.scrollIntoView({ block });
    element.current?.focus({ preventScroll: true });
  }, [place, block]);
  return element;
}

// A marked passage: a reader who asked for a source arrives at its words.
export function Passage({ text, place }) {
  return h("mark", { ref: useArrival(place, "center"), tabIndex: -1, className: "passage" }, text);
}

// The heading of a part of the page that was asked for and opens elsewhere than at the button.
export function ArrivalHeading({ text, place }) {
  return h("h2", { ref: useArrival(place, "start"), tabIndex: -1, className: "arrival" }, text);
}
