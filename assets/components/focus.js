// Gives the focus back to where it was before a dialog opened. Radix only knows the element
// that opened it itself; ours are opened by the page's state, often from an entry of a menu.
let before = null;

if (typeof document !== "undefined") {
  document.addEventListener("focusin", ({ target }) => {
    if (!target.closest?.('[role="dialog"], [role="menu"]')) before = target;
  });
}

export function returnFocus(event) {
  event.preventDefault();
  const target = before?.isConnected ? before : document.getElementById("page");
  target?.focus();
}
