// What a recording of a collection may lack.

import { n_values } from "../../lib/metadata";
import type { Member } from "../../lib/types";

export type Lack = "embeddings" | "failed" | "start" | "metadata";

export const lacks: { name: Lack; text: string; is_so: (member: Member) => boolean }[] = [
  { name: "embeddings", text: "Not embedded", is_so: (m) => m.encodings?.length === 0 },
  { name: "failed", text: "Last run failed", is_so: (m) => m.last_run?.state === "failed" },
  { name: "start", text: "No start time", is_so: (m) => m.start_local === null },
  { name: "metadata", text: "No metadata", is_so: (m) => n_values(m.metadata) === 0 },
];
