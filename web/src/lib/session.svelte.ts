// Who is signed in. The secret of a token passes through here once; what stays is a cookie that scripts cannot read.

import { api, set_csrf_token, set_on_unauthorized, to_problem, type Problem } from "./api";
import { start_live, stop_live } from "./live.svelte";
import type { Scope, Session } from "./types";

type State =
  | { kind: "unknown" }
  | { kind: "out"; problem: Problem | null; was_in: boolean }
  | { kind: "in"; session: Session };

let state = $state.raw<State>({ kind: "unknown" });

export const auth = {
  get state() {
    return state;
  },
  get session(): Session | null {
    return state.kind === "in" ? state.session : null;
  },
};

const order: Scope[] = ["read", "submit", "operate", "admin"];

export function has_scope(scope: Scope): boolean {
  return state.kind === "in" && order.indexOf(state.session.scope) >= order.indexOf(scope);
}

/** Why this cannot be done with the present token, or "" if it can. */
export function why_not(scope: Scope): string {
  if (has_scope(scope) || state.kind !== "in") return "";
  return `This needs a token with the scope “${scope}”; yours has “${state.session.scope}”.`;
}

function enter(session: Session): void {
  set_csrf_token(session.csrf_token);
  state = { kind: "in", session };
  start_live();
}

function leave(problem: Problem | null): void {
  set_csrf_token("");
  const was_in = state.kind === "in";
  state = { kind: "out", problem, was_in };
  stop_live();
}

export async function sign_in(token: string): Promise<Problem | null> {
  try {
    enter(await api.sign_in(token.trim()));
    return null;
  } catch (error) {
    const problem = to_problem(error);
    leave(problem);
    return problem;
  }
}

export async function sign_out(): Promise<void> {
  try {
    await api.sign_out();
  } catch {
    // The cookie may be gone already; here it is over in any case.
  }
  leave(null);
  history.replaceState(null, "", location.pathname + location.search);
}

/** The token that the address carries is taken out of it and used. */
async function use_fragment(): Promise<boolean> {
  const token = /^#token=(bln_[\w-]+)$/.exec(location.hash)?.[1];
  if (!token) return false;
  history.replaceState(null, "", location.pathname + location.search);
  await sign_in(token);
  return true;
}

/** A token in the fragment (the link that `baleen up` prints), or the cookie of before. */
export async function start_session(): Promise<void> {
  set_on_unauthorized(() => {
    if (state.kind === "in") leave(null);
  });
  addEventListener("hashchange", () => void use_fragment());
  if (await use_fragment()) return;
  try {
    enter(await api.session());
  } catch (error) {
    const problem = to_problem(error);
    leave(problem.status === 401 ? null : problem);
  }
}
