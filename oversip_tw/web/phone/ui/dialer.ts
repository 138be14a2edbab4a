import type { Phone } from "../phone";
import { button } from "./button";
import { el } from "./dom";

/** Where calls begin. */
export class Dialer {
  readonly element: HTMLElement;
  private readonly target = el("input", {
    id: "dial-target",
    testid: "dial-target",
    type: "text",
    placeholder: "bob or bob@example.com",
    attributes: { autocapitalize: "none", autocomplete: "off", spellcheck: "false", inputmode: "email", enterkeyhint: "go" },
  });

  constructor(
    private readonly phone: Phone,
    private readonly complain: (words: string) => void,
    openChat: (target: string) => void,
  ) {
    const form = el(
      "form",
      { className: "card dialer" },
      el("label", { htmlFor: "dial-target" }, "Name, number or address"),
      this.target,
      el(
        "div",
        { className: "row" },
        button("Call", { icon: "phone", caption: "Call", kind: "go", testid: "dial-audio" }, () => this.dial(false)),
        button("Video call", { icon: "video", caption: "Video", kind: "go", testid: "dial-video" }, () => this.dial(true)),
        button("Message", { icon: "chat", testid: "dial-chat" }, () => openChat(this.target.value)),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.dial(false);
    });
    this.element = form;
  }

  /** Calls somebody again. */
  call(peer: string, video: boolean): void {
    this.target.value = peer;
    this.dial(video);
  }

  private dial(video: boolean): void {
    const target = this.target.value.trim();
    if (!target) {
      this.target.focus();
      return;
    }
    try {
      this.phone.calls.dial(target, video);
      this.target.value = "";
    } catch (error) {
      this.complain((error as Error).message);
    }
  }
}
