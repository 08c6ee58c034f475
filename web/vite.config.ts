import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Where `make ui-dev` finds a running server. */
const server = process.env.TIDEMILL_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../tidemill/server/static/app",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the content security policy lets nothing in from data: URLs but images
    rollupOptions: { input: ["index.html", "plot.html"] }, // the page, and the frame that draws plots
    target: "es2022",
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: {
      "/api": {
        target: server,
        changeOrigin: true,
        // The server takes changes from its own pages only: this page stands for them. `Sec-Fetch-Site` still tells of others.
        configure: (proxy) => proxy.on("proxyReq", (request) => request.removeHeader("origin")),
      },
    },
  },
});
