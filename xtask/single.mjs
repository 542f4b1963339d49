// The whole page as one file that works from a disk, where neither modules nor fetch do.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { divide, pack } from "./pack.mjs";

/** A module's text as an expression that gives what the module exports. */
function scoped(text) {
  const names = [];
  const body = text
    // Only a fetch that is never made asks where the module came from.
    .replaceAll("import.meta.url", "document.baseURI")
    .replace(/^export (async function|function|class|const|let) ([\w$]+)/gm, (_, kind, name) => {
      names.push(name);
      return `${kind} ${name}`;
    })
    .replace(/^export \{([^}]*)\};?$/gm, (_, list) => {
      for (const part of list.split(",").map((part) => part.trim()).filter(Boolean)) {
        const [own, other] = part.split(/\s+as\s+/);
        names.push(other ? `${JSON.stringify(other)}: ${own}` : own);
      }
      return "";
    });
  if (/^\s*(import|export)\s/m.test(body)) throw new Error("the page's code is more than one file can hold");
  return `(() => {${body}\nreturn { ${names.join(", ")} };})()`;
}

/** The document's bytes, of the page that lies in `site` with this `index.html`, and whose wasm lies uncut in `whole`. */
export function single(site, root, whole, html, names) {
  const bytes = (name) => readFileSync(join(site, name));
  const read = (name) => bytes(name).toString("utf8");
  const one = (pattern) => html.match(pattern)?.[1] ?? fail(`index.html holds no ${pattern}`);
  const part = (name) => one(new RegExp(`name="part-${name}" content="([^"]+)"`));
  const styles = [...html.matchAll(/<link rel="stylesheet" href="\.?\/?([^"]+)"[^>]*>/g)].map(([, name]) => read(name));
  const texts = names.filter((name) => name.includes("/")).map((name) => [name, read(name)]);
  texts.push(["embed.js", scoped(read(`${part("embed")}.js`))], ["worker.js", read(`${part("worker")}.js`)]);

  const parts = {
    page: [{ glue: scoped(readFileSync(join(whole, "web.js"), "utf8")), style: styles.join("\n") }, readFileSync(join(whole, "web_bg.wasm"))],
    engineroom: [{ glue: scoped(read(`${part("engineroom")}.js`)) }, bytes(`${part("engineroom")}_bg.wasm`)],
    texts: [{ files: Object.fromEntries(texts) }],
  };
  // One after the other, as they are needed: what is in two of them is packed once.
  const places = {};
  const contents = [];
  let end = 0;
  for (const [name, [texts, wasm]] of Object.entries(parts)) {
    const [code, plan] = wasm ? divide(wasm) : [Buffer.alloc(0)];
    contents.push(Buffer.from(JSON.stringify({ ...texts, plan })), Buffer.of(0), code);
    const begin = end;
    end = contents.reduce((sum, bytes) => sum + bytes.length, 0);
    places[name] = [begin, end];
  }
  const packed = pack(Buffer.concat(contents));
  const offline = (name) => readFileSync(join(root, "www", "offline", name), "utf8");
  const boot = offline("single.js")
    .replace('"UNPACK"', () => `const unpack = ${scoped(offline("unpack.js"))}`)
    .replace('"PLACES"', () => JSON.stringify(places))
    // The comments, and how lines are set in, are for those who read the source.
    .replace(/^\s*(\/\/|\/\*\*).*\n/gm, "")
    .replace(/^\s+/gm, "");
  if (/<\/script|<!--/i.test(boot)) fail("the start of the one file would end its own script");
  const policy =
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'";
  const icon = html.match(/<link rel="icon"[^>]*href="\.?\/?([^"]+)"/)?.[1];
  const document = html
    .replace(/(http-equiv="Content-Security-Policy"\s+content=")[^"]*"/, `$1${policy}"`)
    .replace(/\s*<!--[\s\S]*?-->/g, "")
    .replace(/\s*<meta charset[^>]*>/g, "")
    .replace(/\s*<meta name="part-[^>]*>/g, "")
    .replace(/\s*<link rel="(?:modulepreload|preload|stylesheet)"[^>]*>/g, "")
    .replace(/\s*<script[^>]*><\/script>/g, "")
    // The style comes packed, and the page with it.
    .replace(/\s*<div id="first">[\s\S]*<\/div>(?=\s*<div id="app">)/, "")
    .replace(/<link rel="icon"[^>]*>/, () => (icon ? `<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,${bytes(icon).toString("base64")}">` : ""))
    .replace("</body>", () => `<script type="text/plain" id="packed">${packed}</script>\n<script type="module">${boot}</script>\n</body>`);
  // The mark at the beginning tells the encoding, whatever a host says.
  return Buffer.from(`\ufeff${document}`, "utf16le");
}

function fail(message) {
  throw new Error(message);
}
