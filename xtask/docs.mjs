// The pages of docs/ as HTML, for `cargo xtask dist`: the part of Markdown that they use, and figures that are live.
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix, relative } from "node:path";

const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
const slug = (text) => text.toLowerCase().replace(/[^\w\s-]/g, "").trim().replace(/\s+/g, "-");

/** Writes every page of `root/docs` into `site/docs`; returns how many. */
export function docs(root, site) {
  const from = join(root, "docs");
  const pages = walk(from).filter((file) => file.endsWith(".md"));
  for (const folder of ["figures", "clusters"]) {
    cpSync(join(from, folder), join(site, "docs", folder), { recursive: true });
  }
  cpSync(join(root, "examples"), join(site, "docs", "examples"), { recursive: true });
  for (const file of pages) {
    const inner = relative(from, file).replaceAll("\\", "/");
    const target = join(site, "docs", inner.replace(/README\.md$/, "index.md").replace(/\.md$/, ".html"));
    mkdirSync(dirname(target), { recursive: true });
    const up = posix.relative(posix.dirname(`docs/${inner}`), ".") || ".";
    writeFileSync(target, page(readFileSync(file, "utf8"), up, root, inner));
  }
  writeFileSync(join(site, "docs", "docs.css"), STYLE);
  return pages.length;
}

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? walk(join(folder, entry.name)) : join(folder, entry.name)))
    .sort();
}

function page(markdown, up, root, inner) {
  const title = markdown.match(/^# (.*)$/m)?.[1] ?? basename(inner, ".md");
  const body = blocks(markdown.split("\n"), { up, root, folder: posix.dirname(inner) });
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${escape(title.replaceAll("`", ""))} · Hopscope</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="${up}/docs/docs.css">
    <script type="module" src="${up}/embed/element.js"></script>
  </head>
  <body>
    <nav aria-label="Site"><a href="${up}/">Hopscope</a> <a href="${up}/docs/">Docs</a></nav>
    <main>
${body}
    </main>
  </body>
</html>
`;
}

function blocks(lines, context) {
  const out = [];
  let figure;
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    if (line.startsWith("```")) {
      const end = lines.findIndex((other, index) => index > at && other.startsWith("```"));
      out.push(`<pre tabindex="0"><code>${escape(lines.slice(at + 1, end).join("\n"))}</code></pre>`);
      at = end + 1;
    } else if (line.startsWith("<!--")) {
      const end = lines.findIndex((other, index) => index >= at && other.includes("-->"));
      if (line.startsWith("<!-- hopscope")) figure = lines.slice(at + 1, end);
      at = end + 1;
    } else if (line.startsWith("<hop-scope")) {
      const end = lines.findIndex((other, index) => index >= at && other.includes("</hop-scope>"));
      out.push(lines.slice(at, end + 1).join("\n"));
      at = end + 1;
    } else if (/^#{1,6} /.test(line)) {
      const [, marks, text] = line.match(/^(#+) (.*)$/);
      out.push(`<h${marks.length} id="${slug(text)}">${inline(text, context)}</h${marks.length}>`);
      at += 1;
    } else if (line.startsWith("|")) {
      const rows = [];
      for (; lines[at]?.startsWith("|"); at += 1) rows.push(lines[at]);
      out.push(table(rows, context));
    } else if (/^(-|\d+\.) /.test(line)) {
      const ordered = /^\d/.test(line);
      const items = [];
      for (; at < lines.length && (/^(-|\d+\.) /.test(lines[at]) || /^ {2,}\S/.test(lines[at])); at += 1) {
        if (/^ /.test(lines[at])) items[items.length - 1] += ` ${lines[at].trim()}`;
        else items.push(lines[at].replace(/^(-|\d+\.) /, ""));
      }
      const list = items.map((item) => `<li>${inline(item, context)}</li>`).join("\n");
      out.push(ordered ? `<ol>${list}</ol>` : `<ul>${list}</ul>`);
    } else if (line.trim() === "") {
      at += 1;
    } else {
      const text = [];
      for (; at < lines.length && lines[at].trim() !== "" && !/^(```|<!--|#|\||- |\d+\. )/.test(lines[at]); at += 1) text.push(lines[at]);
      const paragraph = `<p>${inline(text.join("\n"), context)}</p>`;
      out.push(figure ? live(figure, paragraph, context) : paragraph);
      figure = undefined;
    }
  }
  return out.join("\n");
}

/** A figure that is live, with the picture inside for readers without script. */
function live(yaml, picture, { root, up, folder }) {
  const field = (name) => yaml.map((line) => line.match(new RegExp(`^${name}: (.*)$`))?.[1]).find(Boolean);
  const flow = field("flow")?.match(/from: '?([^,'}]+)'?, to: '?([^,'}]+)'?/);
  const cluster = posix.join(folder, field("cluster") ?? "").replace(/^(\.\.\/)+/, "");
  if (!flow || !cluster.startsWith("examples/")) return picture;
  const files = readdirSync(join(root, cluster)).filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
  const addresses = files.map((name) => `${up}/docs/${cluster}/${name}`).join(" ");
  return `<hop-scope cluster="${escape(addresses)}" flow="${escape(`${flow[1]} -> ${flow[2]}`)}" controls>${picture}</hop-scope>`;
}

function table([head, , ...rows], context) {
  const cells = (row) => row.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|"), context));
  const top = cells(head);
  const header = top.some(Boolean) ? `<thead><tr>${top.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead>` : "";
  const body = rows.map((row) => `<tr>${cells(row).map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n");
  return `<div class="table" tabindex="0"><table>${header}<tbody>${body}</tbody></table></div>`;
}

function inline(text, context) {
  const kept = [];
  const keep = (html) => `\u0000${kept.push(html) - 1}\u0000`;
  const target = (link) => {
    if (/^[a-z]+:/.test(link) || link.startsWith("#")) return link;
    const [file, hash = ""] = link.split(/(?=#)/);
    // What is not part of the site is read where the sources are.
    if (posix.join("docs", context.folder, file).startsWith("docs/")) {
      return file.replace(/README\.md$/, "index.html").replace(/\.md$/, ".html") + hash;
    }
    return undefined;
  };
  return escape(
    text
      .replace(/`([^`]+)`/g, (_, code) => keep(`<code>${escape(code)}</code>`))
      .replace(/!\[([^\]]*)\]\(([^)]+)\)/g, (_, words, file) => keep(`<img src="${escape(file)}" alt="${escape(words)}">`))
      .replace(/\[([^\]]+)\]\(([^)]+)\)/g, (_, words, link) => {
        const to = target(link);
        return to === undefined ? words : keep(`<a href="${escape(to)}">`) + words + keep("</a>");
      }),
  )
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replace(/(^|[\s(])\*([^*\s][^*]*)\*/g, "$1<em>$2</em>")
    .replace(/\u0000(\d+)\u0000/g, (_, index) => kept[Number(index)]);
}

const STYLE = `body{margin:0 auto;max-width:52rem;padding:0 1rem 4rem;font:16px/1.6 Inter,system-ui,sans-serif;color:#15181e;background:#f6f7f9}
nav{display:flex;gap:1rem;padding:1rem 0;border-bottom:1px solid #dee2e8}
a{color:#005a9c}
code{font:.88em "JetBrains Mono",ui-monospace,Menlo,monospace;background:#e9edf2;border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}
pre{overflow:auto;background:#e9edf2;border-radius:8px;padding:.8rem 1rem}pre code{padding:0;background:none;overflow-wrap:normal}
.table{overflow:auto}table{border-collapse:collapse}th,td{text-align:start;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid #dee2e8}
td:first-child code{overflow-wrap:normal;white-space:nowrap}img{max-width:100%;height:auto}h1,h2,h3{line-height:1.25}
@media (prefers-color-scheme:dark){body{color:#e8ebf0;background:#0f1217}a{color:#7cc0f2}code,pre{background:#212934}nav,th,td{border-color:#2c343f}}
`;
