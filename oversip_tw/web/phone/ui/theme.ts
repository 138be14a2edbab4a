import { button } from "./button";

const KEY = "oversip.theme";
type Theme = "light" | "dark";

function system(): Theme {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Takes the theme that was chosen here before; without a choice the system's counts (in the style sheet). */
export function applyTheme(): void {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset["theme"] = chosen;
  }
}

export function themeToggle(): HTMLButtonElement {
  return button("Light or dark", { icon: "theme", kind: "quiet", testid: "theme-toggle" }, () => {
    const now = document.documentElement.dataset["theme"] ?? system();
    const next: Theme = now === "dark" ? "light" : "dark";
    document.documentElement.dataset["theme"] = next;
    localStorage.setItem(KEY, next);
  });
}
