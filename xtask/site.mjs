// The last touches to the site, for `cargo xtask dist`: what makes it work offline and installable, and the whole
// page as one file. It prints what each part weighs and fails beyond the budget.
import { createHash } from "node:crypto";
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { docs } from "./docs.mjs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** Most bytes of hopscope.html, DESIGN section 8. */
const SINGLE = 600_000;
/** What it must not outgrow while it is over its budget: only ever lowered, as the ceiling of the page's wasm. */
const CEILING = 1_800_000;

const [site, root] = process.argv.slice(2);
const read = (name) => readFileSync(join(site, name), "utf8");
const write = (name, text) => writeFileSync(join(site, name), text);
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;

function files(folder = site) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : relative(site, join(folder, entry.name))))
    .sort();
}

const index = read("index.html");
const single = one(index);

// Installable and offline. The worker lists every file of the page with its digest; a changed file is a new worker.
for (const name of ["manifest.webmanifest", "icon-192.png", "icon-512.png"]) {
  cpSync(join(root, "www", "offline", name), join(site, name));
}
const offline = readFileSync(join(root, "www", "offline", "register.js"));
write(`register-${digest(offline)}.js`, offline);
write(
  "index.html",
  index.replace(
    "</head>",
    `  <link rel="manifest" href="manifest.webmanifest" />\n    <script src="register-${digest(offline)}.js" type="module"></script>\n  </head>`,
  ),
);
// What figures on other pages fetch is theirs to keep; the types and the package's papers are for developers.
for (const name of files().filter((name) => /^embed\/(package\.json|README\.md|LICENSE|.*\.d\.ts$|node\.js)/.test(name))) {
  rmSync(join(site, name));
}
const kept = files().filter((name) => !name.startsWith("embed/"));
console.log(`${docs(root, site)} pages of documentation`);
const list = kept.map((name) => [name, digest(readFileSync(join(site, name)))]);
const version = digest(JSON.stringify(list));
const worker = readFileSync(join(root, "www", "offline", "worker.js"), "utf8");
const urls = kept.map((name) => (name === "index.html" ? "./" : name));
write("sw.js", worker.replace('"VERSION"', JSON.stringify(version)).replace('["FILES"]', JSON.stringify(urls)));

write("hopscope.html", single);

const weights = [
  ["page, first load", kept.filter((name) => /\.(html|css|js|wasm)$/.test(name) && !/reader/.test(name))],
  ["reader, when a file is opened", kept.filter((name) => /reader.*\.(js|wasm)$/.test(name))],
  ["figure on another page", ["element.js", "index.js", "engine.js", "views.js", "style.js", "hopscope.js", "hopscope_bg.wasm"].map((name) => `embed/${name}`)],
  ["lessons, one by one", kept.filter((name) => name.startsWith("lessons/"))],
];
for (const [what, names] of weights) {
  const [raw, packed] = names.reduce(([raw, packed], name) => {
    const bytes = readFileSync(join(site, name));
    return [raw + bytes.length, packed + brotli(bytes)];
  }, [0, 0]);
  console.log(`${what.padEnd(30)} ${String(raw).padStart(9)} bytes, brotli ${String(packed).padStart(8)}`);
}
const size = statSync(join(site, "hopscope.html")).size;
console.log(`${"hopscope.html".padEnd(30)} ${String(size).padStart(9)} bytes, budget ${SINGLE}`);
if (size > SINGLE) console.log(`hopscope.html: ${size} bytes, over the budget of ${SINGLE}`);
if (size > CEILING) {
  console.log(`hopscope.html: the limit is ${CEILING}`);
  process.exitCode = 1;
}

/** The page as one file that works from a disk, where neither modules nor fetch do. */
function one(html) {
  const asset = (pattern) => files().find((name) => pattern.test(name));
  const glue = html.match(/<link rel="modulepreload" href="\.?\/?([^"]+)"/)[1];
  const wasm = html.match(/<link rel="preload" href="\.?\/?([^"]+\.wasm)"/)[1];
  const packed = (name) => gzipSync(readFileSync(join(site, name)), { level: 9 }).toString("base64");
  // A script's text must not end the script.
  const inline = (text) => text.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "<\\!--");
  // A module's text as a function that gives what the module exports.
  const scoped = (text) => {
    const names = [];
    const body = text
      .replace(/^export (async function|function|class|const|let) ([\w$]+)/gm, (_, kind, name) => {
        names.push(`${name}`);
        return `${kind} ${name}`;
      })
      .replace(/^export \{([^}]*)\};?$/gm, (_, list) => {
        for (const part of list.split(",").map((part) => part.trim()).filter(Boolean)) {
          const [own, other] = part.split(/\s+as\s+/);
          names.push(other ? `${JSON.stringify(other)}: ${own}` : own);
        }
        return "";
      });
    if (/^\s*import\s/m.test(body)) throw new Error("the page's code imports another file");
    return `(() => {${body}\nreturn { ${names.join(", ")} };})()`;
  };
  const reader = asset(/^reader\.js$/);
  const texts = Object.fromEntries(
    files().filter((name) => /^(lessons|questions)\//.test(name)).map((name) => [name, read(name)]),
  );
  const parts = { page: packed(wasm) };
  if (reader) parts.reader = packed("reader_bg.wasm");
  parts.texts = gzipSync(JSON.stringify(texts), { level: 9 }).toString("base64");
  const boot = readFileSync(join(root, "www", "offline", "single.js"), "utf8")
    .replace('"PAGE"', () => scoped(read(glue)))
    .replace('"READER"', () => (reader ? scoped(read(reader)) : "undefined"));
  const policy =
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'";
  const icon = html.match(/<link rel="icon"[^>]*href="\.?\/?([^"]+)"/)?.[1];
  return html
    .replace(/(http-equiv="Content-Security-Policy"\s+content=")[^"]*"/, `$1${policy}"`)
    .replace(/\s*<link rel="(?:modulepreload|preload)"[^>]*>/g, "")
    .replace(/\s*<script[^>]*><\/script>/g, "")
    .replace(/<link rel="stylesheet" href="\.?\/?([^"]+)"[^>]*>/g, (_, name) => `<style>${read(name)}</style>`)
    .replace(/<link rel="icon"[^>]*>/, () => (icon ? `<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,${Buffer.from(read(icon)).toString("base64")}">` : ""))
    .replace(
      "</body>",
      () =>
        `${Object.entries(parts).map(([id, base64]) => `<script type="text/plain" id="packed-${id}">${base64}</script>`).join("\n")}\n<script type="module">${inline(boot)}</script>\n</body>`,
    );
}
