import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { address, out } from "../playwright.base.ts";

/** A folder of this name beside the site, reachable at the address that is returned, with figures to embed. */
export function foreign(name: string, files: Record<string, string> = {}): string {
  const folder = join(out, "foreign", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(out, "site", "embed"), join(folder, "embed"), { recursive: true });
  cpSync(join(import.meta.dirname, "../../../recipes/plain"), join(folder, "plain"), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, "plain", file), text);
  return new URL(`../foreign/${name}/plain/`, address).href;
}

/** A copy of the site that a test may change: its folder and its address. */
export function copyOfSite(name: string): { folder: string; url: string } {
  const folder = join(out, "foreign", name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(out, "site"), folder, { recursive: true });
  return { folder, url: new URL(`../foreign/${name}/`, address).href };
}

/** A page with a strict policy and one figure in it. */
export function pageWith(figure: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'">
<link rel="icon" href="data:,"><script type="module" src="../embed/element.js"></script></head>
<body><h1>Around it</h1>${figure}</body></html>`;
}
