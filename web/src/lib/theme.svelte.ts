// Light, dark, or as the system has it.

export type Theme = "system" | "light" | "dark";
const key = "baleen.theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

let theme = $state<Theme>(stored());
let version = $state(0); // Grows when colours change: canvases draw anew.

export const look = {
  get theme() {
    return theme;
  },
  get version() {
    return version;
  },
};

export function apply_theme(): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  version += 1;
}

export function set_theme(wanted: Theme): void {
  theme = wanted;
  try {
    if (wanted === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, wanted);
  } catch {
    // Then it lasts as long as the page.
  }
  apply_theme();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (version += 1));
