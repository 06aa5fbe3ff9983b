// What became of something the user did: stays beside the button until it is closed or replaced.

import { to_problem, type Problem } from "./api";

export class Outcome {
  busy = $state<string>(""); // What is under way, or "".
  said = $state<string>(""); // What came of it.
  problem = $state.raw<Problem | null>(null);
  what = $state(""); // What failed.

  /** Runs `work`; its result is said. `doing` names it while it lasts, `failed` when it fails. */
  async run(doing: string, failed: string, work: () => Promise<string>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = doing;
    this.said = "";
    this.problem = null;
    try {
      this.said = await work();
      return true;
    } catch (error) {
      this.problem = to_problem(error);
      this.what = failed;
      return false;
    } finally {
      this.busy = "";
    }
  }

  clear(): void {
    this.said = "";
    this.problem = null;
  }
}
