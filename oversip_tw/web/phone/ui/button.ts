import { el } from "./dom";
import { icon } from "./icons";
import type { Icon } from "./icons";

interface Look {
  icon?: Icon;
  /** what is written on it; without, only the drawing shows and `label` is read out */
  caption?: string;
  kind?: "go" | "go wide" | "stop" | "quiet" | "round" | "round stop" | "plain";
  testid: string;
}

/** A button that always has a name for screen readers and a tool tip. */
export function button(label: string, { icon: drawing, caption, kind = "plain", testid }: Look, press: () => void): HTMLButtonElement {
  const element = el(
    "button",
    { type: "button", className: `button ${kind}`, title: label, testid, attributes: { "aria-label": label } },
    drawing && icon(drawing),
    caption !== undefined && el("span", {}, caption),
  );
  element.addEventListener("click", press);
  return element;
}

/** Shows a button as pressed, for what is switched on and off. */
export function press(element: HTMLButtonElement, on: boolean): void {
  element.setAttribute("aria-pressed", String(on));
}

/** Gives a button another drawing and name. */
export function relabel(element: HTMLButtonElement, drawing: Icon, label: string): void {
  if (element.title !== label) {
    element.title = label;
    element.setAttribute("aria-label", label);
    element.querySelector("svg")?.replaceWith(icon(drawing));
  }
}
