import { credentials } from "../account";
import type { Credentials } from "../account";
import { missing } from "../media";
import { el, show, text } from "./dom";
import { icon } from "./icons";
import { themeToggle } from "./theme";

/** The form to log in with. */
export class Login {
  readonly element: HTMLElement;
  private readonly address = input("login-aor", "text", "username", "");
  private readonly password = input("login-password", "password", "current-password", "");
  private readonly name = input("login-name", "text", "name", "Alice");
  private readonly submit = el("button", { type: "submit", className: "button go wide", testid: "login-submit" }, "Log in");
  private readonly problem = el("p", { className: "problem", testid: "login-error", hidden: true, attributes: { role: "alert" } });

  constructor(
    private readonly domain: string,
    private readonly enter: (who: Credentials) => void,
  ) {
    this.address.placeholder = `alice or alice@${domain}`;
    const form = el(
      "form",
      { className: "card login", testid: "login-form", noValidate: true },
      el("div", { className: "top" }, el("div", { className: "logo" }, icon("phone")), themeToggle()),
      el("h1", {}, "Phone"),
      el("p", { className: "hint" }, "Calls and messages in this tab."),
      field("Name or address", this.address),
      field("Password", this.password),
      field("Your name, as others see it", this.name, "optional"),
      this.problem,
      this.submit,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    this.element = el("main", { className: "login-page" }, form);
    this.fail(missing() ?? "");
  }

  /** Says what is wrong, and lets the user try again. */
  fail(words: string): void {
    text(this.problem, words);
    show(this.problem, words !== "");
    this.wait(false);
  }

  /** The way in has been taken, and the server has not answered yet. */
  wait(waiting: boolean): void {
    this.submit.disabled = waiting;
    text(this.submit, waiting ? "Logging in…" : "Log in");
  }

  fill(who: Credentials): void {
    this.address.value = `${who.user}@${who.domain}`;
    this.name.value = who.name;
    this.password.focus();
  }

  private go(): void {
    const who = credentials(this.address.value, this.domain, this.password.value, this.name.value);
    if (!who.user || !who.domain) {
      this.fail(`Write your name or address, such as alice@${this.domain}`);
      this.address.focus();
    } else if (!who.password) {
      this.fail("The password is missing");
      this.password.focus();
    } else {
      this.fail("");
      this.wait(true);
      this.enter(who);
    }
  }
}

function input(testid: string, type: string, autocomplete: AutoFill, placeholder: string): HTMLInputElement {
  const spelling = { autocapitalize: "none", spellcheck: "false" };
  return el("input", { id: testid, testid, type, autocomplete, placeholder, attributes: spelling });
}

function field(label: string, control: HTMLInputElement, note = ""): HTMLElement {
  const caption = el("label", { htmlFor: control.id }, label, note !== "" && el("small", {}, note));
  return el("div", { className: "field" }, caption, control);
}
