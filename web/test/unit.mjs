// Runs src/lib/*.test.ts: each is bundled by esbuild (which comes with Vite) and run by Node's own test runner.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, transform } from "esbuild";
import { compileModule } from "svelte/compiler";

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
for (const name of fs.readdirSync(lib).filter((n) => n.endsWith(".test.ts"))) {
  const outfile = path.join(out, name.replace(/\.ts$/, ".mjs"));
  await build({ entryPoints: [path.join(lib, name)], bundle: true, platform: "node", format: "esm", target: "node18", outfile,
    conditions: ["browser"], resolveExtensions: [".ts", ".mjs", ".js", ".svelte.ts"], plugins: [runes], logLevel: "error" });
  await import(pathToFileURL(outfile));
}
