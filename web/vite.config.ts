import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` shows the page of the sources; everything else comes from a running `baleen up`.
const server = process.env["BALEEN_URL"] ?? "http://127.0.0.1:8765";

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    cssCodeSplit: false,
    assetsInlineLimit: 0, // The content security policy allows no data: URLs but for pictures.
    modulePreload: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  server: { proxy: { "/v1": server, "/docs": server, "/health": server, "/metrics": server } },
});
