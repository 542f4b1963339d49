import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "@playwright/test";

/** The address of the first mark (crates/split/src/mark.rs). */
const FIRST = 16;
/** How people come to the page: what any of them needs is fetched first. */
const VIEWS = [
  { width: 1440, height: 900, colorScheme: "light", hash: "" },
  { width: 1280, height: 720, colorScheme: "dark", hash: "" },
  { width: 1920, height: 1080, colorScheme: "light", reducedMotion: "reduce", hash: "" },
  { width: 820, height: 1180, colorScheme: "light", hash: "" },
  { width: 390, height: 844, colorScheme: "dark", hash: "" },
  { width: 1440, height: 900, colorScheme: "light", hash: "#v1.AAAA" },
] as const;
const HEADER = `# The functions of the page's wasm that run before the first picture stands, and for the larger branches of each whether
# they run (crates/split): what runs is fetched first, all else behind it. Written by \`cargo xtask startup\`; a list that
# is out of date makes the page slower, never wrong.
`;

test("what runs before the first picture stands", async ({ browser }) => {
  const marked = readFileSync(process.env.HOPSCOPE_NAMES ?? "", "utf8").split("\n");
  const ran = new Set<number>();
  for (const { width, height, hash, ...how } of VIEWS) {
    const page = await browser.newPage({ viewport: { width, height }, ...how });
    // It is asked for behind the first picture.
    await page.route(/engineroom.*/, () => {});
    await page.goto(`./${hash}`);
    await expect(hash ? page.getByText("Opening the link…") : page.getByTestId("verdict")).toBeVisible();
    const marks = await page.evaluate(async (count) => {
      const glue = document.querySelector<HTMLLinkElement>('link[rel="modulepreload"]')?.href ?? "";
      // Started already, it gives what it exports.
      const { memory } = await (await import(glue)).default();
      return [...new Uint8Array((memory as WebAssembly.Memory).buffer, 0, count)];
    }, FIRST + marked.length);
    for (const at of marked.keys()) if (marks[FIRST + at]) ran.add(at);
    await page.close();
  }
  // Copies of a function have one name, and those of one shape one line.
  const functions = new Set<string>();
  const branches = new Map<string, boolean[]>();
  for (const [at, line] of marked.entries()) {
    const [name, shape, number] = line.split("\t");
    if (!name) continue;
    if (!shape) {
      if (ran.has(at)) functions.add(name);
      continue;
    }
    const list = branches.get(`${name}\t${shape}`) ?? [];
    list[Number(number)] ||= ran.has(at);
    branches.set(`${name}\t${shape}`, list);
  }
  const lines = [...branches].flatMap(([key, list]) => (functions.has(key.split("\t")[0] ?? "") ? `${key}\t${list.map(Number).join("")}` : []));
  const told = new Set(lines.map((line) => line.split("\t")[0]));
  expect(functions.size).toBeGreaterThan(500);
  const all = [...lines, ...[...functions].filter((name) => !told.has(name))].sort();
  writeFileSync(process.env.HOPSCOPE_STARTUP ?? "", `${HEADER}${all.join("\n")}\n`);
});
