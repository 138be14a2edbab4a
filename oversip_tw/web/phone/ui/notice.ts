import { button } from "./button";
import { el, show, text } from "./dom";

/** How long a notice stays, in milliseconds. */
const STAYS = 8000;

/** One line at the top of the page for what concerns nothing else on it; the newest wins. */
export class Notice {
  readonly element: HTMLElement;
  private readonly words = el("span");
  private timer: number | undefined;

  constructor() {
    const close = button("Close", { icon: "close", kind: "quiet", testid: "notice-close" }, () => this.hide());
    this.element = el("div", { className: "notice", testid: "notice", hidden: true, attributes: { role: "status" } }, this.words, close);
  }

  say(words: string): void {
    text(this.words, words);
    show(this.element, true);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.hide(), STAYS);
  }

  private hide(): void {
    show(this.element, false);
  }
}
