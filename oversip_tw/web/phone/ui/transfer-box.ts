import { button } from "./button";
import { el } from "./dom";

let boxes = 0;

/** Whom to hand a call to, at once or after a word with them. */
export function transferBox(blind: (target: string) => void, attended: (target: string) => void): HTMLElement {
  const id = `transfer-target-${(boxes += 1)}`;
  const target = el("input", {
    id,
    testid: "transfer-target",
    type: "text",
    placeholder: "carol",
    attributes: { autocapitalize: "none", autocomplete: "off", spellcheck: "false", inputmode: "email" },
  });
  const to = (then: (target: string) => void) => () => {
    const typed = target.value.trim();
    if (typed) {
      then(typed);
    } else {
      target.focus();
    }
  };
  return el(
    "div",
    { className: "transfer", testid: "transfer", hidden: true },
    el("label", { htmlFor: id }, "Transfer to"),
    target,
    el(
      "div",
      { className: "row" },
      button("Transfer without asking", { caption: "Transfer now", testid: "transfer-blind" }, to(blind)),
      button("Ask them first", { caption: "Ask first", testid: "transfer-attended" }, to(attended)),
    ),
  );
}
