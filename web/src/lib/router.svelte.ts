// The address is the state: path and query. `route` is reactive; links are plain links.

export interface Route {
  path: string;
  query: URLSearchParams;
}

function read(): Route {
  return { path: location.pathname.replace(/\/+$/, "") || "/", query: new URLSearchParams(location.search) };
}

let current = $state.raw<Route>(read());

export const route = {
  get path() {
    return current.path;
  },
  get query() {
    return current.query;
  },
};

export function go(target: string, options: { replace?: boolean; keep_scroll?: boolean } = {}): void {
  if (target !== location.pathname + location.search) {
    if (options.replace) history.replaceState(null, "", target);
    else history.pushState(null, "", target);
  }
  const old_path = current.path;
  current = read();
  if (old_path !== current.path && !options.keep_scroll) window.scrollTo(0, 0);
}

/** The same page with other filters; empty values leave the address. Replaces: "back" leaves the page. */
export function set_query(changes: Record<string, string | null | undefined>, replace = true): void {
  const query = new URLSearchParams(current.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(current.path + (text ? `?${text}` : ""), { replace, keep_scroll: true });
}

/** Clicks on links of this page change the address without loading anything. */
export function start_router(): void {
  addEventListener("popstate", () => (current = read()));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (/^\/(v1|docs|health|metrics)(\/|$)|\.\w+$/.test(link.pathname)) return;
    if (link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
