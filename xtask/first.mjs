// Leaves in a built page what it draws first, so that this is painted before any code of the page is there. The page
// itself draws it, on a document that only keeps what is put into it (paper.mjs): once wide and once tall. Nothing of it
// can be used; the page takes it away when it stands (www/boot.js), and www/app.css styles it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Document, Text } from "./paper.mjs";

const [site, whole] = process.argv.slice(2);

/** What lies over the drawing's edges, and how far small scenes are blown up: as in crates/web/src/canvas/viewport.rs. */
const [OVER_TOP, OVER_BOTTOM, MOST_FIT] = [46, 52, 1.3];
/** Drawn in so much height, no scene is cut in its width. */
const HEIGHT = 100_000;

/** The page's regions as they are first drawn, the drawing being so wide. */
async function drawn(width) {
  const paper = new Document({ width, height: HEIGHT });
  paper.install(globalThis);
  const { default: init } = await import(`${pathToFileURL(join(whole, "web.js"))}?${width}`);
  await init({ module_or_path: readFileSync(join(whole, "web_bg.wasm")) });
  await paper.drawn();
  const regions = paper.app.find((element) => element.has("app"));
  const svg = regions.find((element) => element.has("canvas-svg"));
  const [x, y, seen] = svg.getAttribute("viewBox").split(" ").map(Number);
  const zoom = Math.min(MOST_FIT, width / seen);
  // The view box that shows the scene and nothing else. The page's has one digit behind the point.
  const size = [2 * x + seen, (HEIGHT - OVER_TOP - OVER_BOTTOM + 2 * (y * zoom + OVER_TOP)) / zoom].map(Math.round);
  svg.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
  svg.setAttribute("style", size.map((length, at) => `max-${at ? "height" : "width"}:${(length * MOST_FIT).toFixed(1)}px`).join(";"));
  svg.setAttribute("role", "img");
  return { regions, svg };
}

/** What is seen, and what a style sheet asks for. Names and places of what is only seen are the drawing's own. */
const KEPT =
  /^(class|style|inert|aria-(hidden|pressed|checked|disabled)|role|aria-label|value|selected|disabled|viewBox|width|height|transform|d|x|y|c[xy]|rx?|stroke-width|text-anchor)$/;
const isUnseen = (element) =>
  ["datalist", "title"].includes(element.localName) ||
  (element.parentNode.localName === "details" && element.localName !== "summary") ||
  ["ring", "reach", "canvas-detail"].some((word) => element.has(word));

/** Leaves out what is not seen of an element, and what it is to people who could use it. */
function plain(element, named) {
  // What is typed or chosen is a property.
  if (element.localName === "input") element.setAttribute("value", element.value ?? "");
  for (const name of [...element.attributes.keys()]) {
    const mute = /^(role|aria-label)$/.test(name) && !named.has(element);
    const usual = /^([xy] 0|aria-\w+ false)$/.test(`${name} ${element.getAttribute(name)}`);
    if (!KEPT.test(name) || mute || usual) element.removeAttribute(name);
  }
  for (const child of [...element.childNodes]) {
    if (child instanceof Text) continue;
    if (isUnseen(child)) child.remove();
    else plain(child, named);
  }
}

const [wide, tall] = [await drawn(1300), await drawn(600)];
const canvas = wide.svg.parentNode;
canvas.insertBefore(tall.svg, wide.svg);
wide.svg.className += " wide";
tall.svg.className += " tall";
const list = canvas.find((element) => element.localName === "ol");
plain(wide.regions, new Set([wide.svg, tall.svg, list]));
for (const word of ["top", "canvas-top", "canvas-bottom", "right", "dock"]) {
  const region = wide.regions.find((element) => element.has(word));
  region.setAttribute("inert", "");
  region.setAttribute("aria-hidden", "true");
}
// The page has one of these, when it stands.
wide.regions.find((element) => element.has("stage")).localName = "div";

const index = join(site, "index.html");
const html = readFileSync(index, "utf8");
const place = '<div id="first"></div>';
if (html.split(place).length !== 2) throw new Error(`index.html does not hold ${place} once`);
writeFileSync(index, html.replace(place, () => `<div id="first">${wide.regions}</div>`));
