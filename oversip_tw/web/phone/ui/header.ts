import type { Account, Connection } from "../account";
import { button } from "./button";
import { el, show, text } from "./dom";
import { themeToggle } from "./theme";

const WORDS: Record<Connection, string> = {
  offline: "Offline",
  connecting: "Connecting",
  connected: "Connected",
  registering: "Registering",
  registered: "Ready",
  retrying: "Trying again",
  refused: "Refused",
};

/** Who is logged in, and whether calls can come. */
export function header(account: Account, logOut: () => void): HTMLElement {
  const state = el("span", { className: "state", testid: "connection-state", attributes: { role: "status" } });
  const problem = el("span", { testid: "connection-problem" });
  const again = button("Try again", { caption: "Try again", kind: "quiet", testid: "connection-retry" }, () => account.retry());
  const trouble = el("div", { className: "trouble" }, problem, again);
  const draw = () => {
    state.dataset["state"] = account.state;
    text(state, WORDS[account.state]);
    text(problem, account.problem);
    show(trouble, account.problem !== "");
    show(again, account.state === "refused" || (account.state === "retrying" && account.ua.isConnected()));
  };
  account.on("change", draw);
  draw();
  return el(
    "header",
    { className: "header" },
    el(
      "div",
      { className: "bar" },
      state,
      el("span", { className: "address", testid: "account-aor", title: account.address }, account.address),
      themeToggle(),
      button("Log out", { icon: "leave", kind: "quiet", testid: "logout" }, logOut),
    ),
    trouble,
  );
}
