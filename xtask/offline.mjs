// What makes a site work offline: the worker that keeps one whole version of the page.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

export const digest = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** All files of a folder, in name order. */
export function files(folder, under = folder) {
  return readdirSync(under, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? files(folder, join(under, entry.name)) : relative(folder, join(under, entry.name))))
    .sort();
}

/**
 * Writes `sw.js` for what lies in the site. The version is the digest of all names and contents: a file that differs in
 * one byte is another worker.
 */
export function offline(site, root) {
  const bytes = (name) => readFileSync(join(site, name));
  // Figures on other pages are theirs to keep, and the one file needs no worker.
  const kept = files(site).filter((name) => !/^(embed\/|hopscope\.html$|sw\.js$)/.test(name));
  const texts = bytes("index.html").toString().match(/name="part-texts" content="([^"]+)"/)?.[1];
  if (!texts) throw new Error("index.html does not name its texts");
  const asked = (name) => name.includes("/") && !name.startsWith("docs/");
  const address = (name) => (name === "index.html" ? "./" : asked(name) ? `${name}?${texts}` : name);
  const version = digest(JSON.stringify(kept.map((name) => [name, digest(bytes(name))])));
  const worker = readFileSync(join(root, "www", "offline", "worker.js"), "utf8");
  writeFileSync(
    join(site, "sw.js"),
    worker.replace('"VERSION"', () => JSON.stringify(version)).replace('["FILES"]', () => JSON.stringify(kept.map(address))),
  );
  return kept;
}
