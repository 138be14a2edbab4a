import { el, show } from "./dom";
import { icon } from "./icons";
import type { Icon } from "./icons";

export type Tab = "phone" | "chat" | "history";

const LABELS: [tab: Tab, label: string, drawing: Icon][] = [
  ["phone", "Phone", "phone"],
  ["chat", "Chat", "chat"],
  ["history", "History", "history"],
];

/** The switch between the panels; on a wide screen the phone is always there, and the style sheet hides its tab. */
export class Tabs {
  readonly element: HTMLElement;
  private readonly buttons = new Map<Tab, HTMLButtonElement>();
  private readonly badge = el("span", { className: "badge", testid: "chat-unread", hidden: true });

  constructor(private readonly chosen: (tab: Tab) => void) {
    this.element = el("nav", { className: "tabs", attributes: { "aria-label": "Parts of the phone" } });
    for (const [tab, label, drawing] of LABELS) {
      const element = el("button", { type: "button", className: "tab", testid: `tab-${tab}` }, icon(drawing), el("span", {}, label), tab === "chat" && this.badge);
      element.addEventListener("click", () => this.choose(tab));
      this.buttons.set(tab, element);
      this.element.append(element);
    }
  }

  choose(tab: Tab): void {
    for (const [one, element] of this.buttons) {
      element.setAttribute("aria-current", String(one === tab));
    }
    this.chosen(tab);
  }

  unread(count: number): void {
    this.badge.textContent = String(count);
    this.badge.setAttribute("aria-label", `${count} unread`);
    show(this.badge, count > 0);
  }
}
