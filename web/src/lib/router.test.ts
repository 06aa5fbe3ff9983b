import assert from "node:assert/strict";
import { test } from "node:test";
import { url_of } from "./api";
import { match } from "./match";

test("addresses give their parameters, decoded", () => {
  assert.deepEqual(match("/runs/:run_id", "/runs/a%20b"), { run_id: "a b" });
  assert.equal(match("/runs/:run_id", "/runs"), null);
  assert.equal(match("/runs/:run_id", "/runs/a/b"), null);
  assert.deepEqual(match("/", "/"), {});
  assert.equal(match("/runs/:run_id", "/runs/%E0%A4%A"), null);
});

test("parameters are escaped, and empty ones left out", () => {
  assert.equal(url_of("GET /v1/runs/{run_id}/log", { path: { run_id: "a/b" }, query: { task_id: undefined, x: "1 2", y: "" } }), "/v1/runs/a%2Fb/log?x=1+2");
});
