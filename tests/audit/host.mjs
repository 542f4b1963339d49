// A static host as most of them are: it compresses, and lets files with a digest in their name be kept.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const kinds = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** Serves a folder on a free port of this machine; the address, and how to end it. */
export async function host(folder) {
  const packed = new Map();
  const pack = (file) => {
    if (!packed.has(file)) {
      const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
      packed.set(file, brotliCompressSync(readFileSync(file), { params }));
    }
    return packed.get(file);
  };
  // Packed before anybody asks, as a host has it: the machine has no time for that beside what is measured.
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())) pack(join(folder, name));
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://host").pathname));
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    if (!file.startsWith(folder) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      "Content-Type": kinds[extname(file)] ?? "text/plain; charset=utf-8",
      "Content-Encoding": "br",
      "Cache-Control": /-[0-9a-f]{16}/.test(file) ? "public, max-age=31536000, immutable" : "no-cache",
    });
    response.end(pack(file));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
