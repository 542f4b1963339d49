// The last touches to the site, for `cargo xtask dist`: what makes it work offline and installable, and the whole
// page as one file. It prints what each part weighs and fails beyond the budget.
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { docs } from "./docs.mjs";
import { digest, files, offline } from "./offline.mjs";
import { single } from "./single.mjs";

/** Most bytes of hopscope.html, DESIGN section 8. */
const SINGLE = 600_000;
/** What it must not outgrow while it is over its budget: raised only for what a commit names. */
const CEILING = 1_246_000;

const [site, root, whole] = process.argv.slice(2);
const write = (name, text) => writeFileSync(join(site, name), text);
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;

const index = readFileSync(join(site, "index.html"), "utf8");
const document = single(site, root, whole, index, files(site).filter((name) => !name.startsWith("embed/")));

for (const name of ["manifest.webmanifest", "icon-192.png", "icon-512.png"]) {
  cpSync(join(root, "www", "offline", name), join(site, name));
}
const register = readFileSync(join(root, "www", "offline", "register.js"));
write(`register-${digest(register)}.js`, register);
write(
  "index.html",
  index.replace(
    "</head>",
    `  <link rel="manifest" href="manifest.webmanifest" />\n    <script src="register-${digest(register)}.js" type="module"></script>\n  </head>`,
  ),
);
// The types and the package's papers are for developers.
for (const name of files(site).filter((name) => /^embed\/(package\.json|README\.md|LICENSE|.*\.d\.ts$|node\.js)/.test(name))) {
  rmSync(join(site, name));
}
console.log(`${docs(root, site)} pages of documentation`);
const kept = offline(site, root);
write("hopscope.html", document);

const later = /^(rest|engineroom|worker|embed)-/;
const weights = [
  ["page, first load", kept.filter((name) => /^[^/]*\.(html|css|js|wasm)$/.test(name) && !later.test(name))],
  ["page, when it is needed", kept.filter((name) => later.test(name))],
  ["figure on another page", ["element.js", "index.js", "engine.js", "views.js", "style.js", "hopscope.js", "hopscope_bg.wasm"].map((name) => `embed/${name}`)],
  ["lessons, one by one", kept.filter((name) => name.includes("/") && !name.startsWith("docs/"))],
  ["kept for offline", [...kept, "sw.js"]],
];
for (const [what, names] of weights) {
  const [raw, small] = names.reduce(([raw, small], name) => {
    const bytes = readFileSync(join(site, name));
    return [raw + bytes.length, small + brotli(bytes)];
  }, [0, 0]);
  console.log(`${what.padEnd(30)} ${String(raw).padStart(9)} bytes, brotli ${String(small).padStart(8)}`);
}
const size = statSync(join(site, "hopscope.html")).size;
console.log(`${"hopscope.html".padEnd(30)} ${String(size).padStart(9)} bytes, budget ${SINGLE}`);
if (size > SINGLE) console.log(`hopscope.html: ${size} bytes, over the budget of ${SINGLE}`);
if (size > CEILING) {
  console.log(`hopscope.html: the limit is ${CEILING}`);
  process.exitCode = 1;
}
