// A run over a collection, submitted from a form: what the server refuses stands at the field it is about.

import { api } from "./api";
import type { Wrong } from "./clustering";
import { field_of } from "./encoding";
import { sentence } from "./format";
import { Outcome } from "./outcome.svelte";
import { go } from "./router.svelte";

export class Submission {
  wrong = $state.raw<Wrong | null>(null);
  readonly outcome = new Outcome();

  /**
   * Goes to the page of the run once it is queued.
   * @param fields  Those that are shown: names as the server spells them.
   */
  async send(collection_id: string, recipe: string, params: Record<string, unknown>, fields: readonly string[], failed: string): Promise<void> {
    this.wrong = null;
    let run_id = "";
    const is_done = await this.outcome.run("Queueing it …", failed, async () => {
      run_id = (await api.submit_collection_run(collection_id, { recipe, params })).run_id;
      return "";
    });
    if (is_done) return go(`/runs/${run_id}`);
    const { problem } = this.outcome;
    if (!problem) return undefined;
    const is_of_model = problem.code === "MODEL_NOT_FOUND" || problem.code === "MODEL_INVALID";
    const field = is_of_model ? "model" : problem.code === "INVALID_ARGUMENT" ? field_of(problem.detail, fields) : null;
    if (field !== null && fields.includes(field)) this.wrong = { field, problem: sentence(problem.detail) };
    return undefined;
  }
}
