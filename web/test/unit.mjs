// Runs src/lib/*.test.ts: each is bundled by esbuild (which comes with Vite) and run by Node's own test runner.

import fs from "node:fs";
import { webcrypto } from "node:crypto";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, transform } from "esbuild";
import { compileModule } from "svelte/compiler";

globalThis.crypto ??= webcrypto; // Node 18 has it under another name.
const web = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const lib = path.join(web, "src/lib");
const runes = {
  name: "runes",
  setup(context) {
    context.onLoad({ filter: /\.svelte\.ts$/ }, async ({ path: file }) => {
      const { code } = await transform(fs.readFileSync(file, "utf8"), { loader: "ts", target: "es2022" });
      return { contents: compileModule(code, { filename: file, generate: "client" }).js.code, loader: "js" };
    });
  },
};
const out = fs.mkdtempSync(path.join(web, "node_modules/.unit-"));
process.on("exit", () => fs.rmSync(out, { recursive: true, force: true }));
const names = fs.readdirSync(lib).filter((name) => name.endsWith(".test.ts"));
await build({
  entryPoints: names.map((name) => path.join(lib, name)), outdir: out, outExtension: { ".js": ".mjs" }, bundle: true, platform: "node", format: "esm",
  target: "node18", logLevel: "error", conditions: ["browser"], resolveExtensions: [".ts", ".mjs", ".js", ".svelte.ts"], plugins: [runes] });
for (const name of names) await import(pathToFileURL(path.join(out, name.replace(/\.ts$/, ".mjs"))));
