import { short } from "../address";
import type { Entry } from "../history";
import type { Phone } from "../phone";
import { button } from "./button";
import { duration, moment } from "./clock";
import { arrange, el, show } from "./dom";
import { icon } from "./icons";

const WORDS = {
  answered: "",
  missed: "Missed",
  declined: "Declined",
  failed: "Failed",
  cancelled: "Not answered",
};

/** Earlier calls, newest first. */
export class HistoryPanel {
  readonly element: HTMLElement;
  private readonly list = el("ol", { className: "entries", testid: "history-list" });
  private readonly clear: HTMLButtonElement;

  constructor(
    private readonly phone: Phone,
    private readonly again: (peer: string, video: boolean) => void,
  ) {
    this.clear = button("Clear the history", { caption: "Clear", kind: "quiet", testid: "history-clear" }, () => phone.history.clear());
    this.element = el(
      "section",
      { className: "card panel history", testid: "panel-history", attributes: { "aria-label": "History" } },
      this.list,
      this.clear,
    );
    phone.history.on("change", () => this.draw());
    this.draw();
  }

  private draw(): void {
    const entries = this.phone.history.entries;
    arrange(this.list, entries.length ? entries.map((entry) => this.entry(entry)) : [el("li", { className: "empty" }, "No calls yet")]);
    show(this.clear, entries.length > 0);
  }

  private entry(entry: Entry): HTMLElement {
    const words = [WORDS[entry.outcome] || duration(entry.seconds), entry.cause && entry.outcome === "failed" ? entry.cause : "", moment(entry.at)];
    const name = entry.name || short(entry.peer, this.phone.domain);
    return el(
      "li",
      {
        className: "entry",
        testid: "history-entry",
        attributes: { "data-direction": entry.direction, "data-outcome": entry.outcome, "data-peer": entry.peer },
      },
      icon(entry.direction === "in" ? "incoming" : "outgoing"),
      el("div", { className: "what" }, el("strong", { title: entry.peer }, name), el("small", {}, words.filter(Boolean).join(" · "))),
      button(`Call ${name}`, { icon: entry.video ? "video" : "phone", kind: "quiet", testid: "history-call" }, () => this.again(entry.peer, entry.video)),
    );
  }
}
