import { el, text } from "./dom";

const KEYS: [key: string, name: string, letters: string][] = [
  ["1", "1", ""],
  ["2", "2", "abc"],
  ["3", "3", "def"],
  ["4", "4", "ghi"],
  ["5", "5", "jkl"],
  ["6", "6", "mno"],
  ["7", "7", "pqrs"],
  ["8", "8", "tuv"],
  ["9", "9", "wxyz"],
  ["*", "star", ""],
  ["0", "0", "+"],
  ["#", "hash", ""],
];

/** Twelve keys, and what was pressed. */
export class Keypad {
  readonly element: HTMLElement;
  private readonly sent = el("output", { className: "digits", testid: "dtmf-sent" });

  constructor(pressed: (digit: string) => void) {
    const keys = KEYS.map(([key, name, letters]) => {
      const element = el("button", { type: "button", className: "key", testid: `dtmf-${name}`, attributes: { "aria-label": name } }, key, el("small", {}, letters));
      element.addEventListener("click", () => pressed(key));
      return element;
    });
    this.element = el("div", { className: "keypad", testid: "keypad", hidden: true }, this.sent, el("div", { className: "keys" }, ...keys));
  }

  draw(digits: string): void {
    text(this.sent, digits.slice(-24));
  }
}
