import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "@playwright/test";

/** The address of the first function's mark (crates/split/src/mark.rs). */
const FIRST = 16;
const VIEWS = [
  { width: 1440, height: 900, colorScheme: "light", hash: "" },
  { width: 390, height: 844, colorScheme: "dark", hash: "" },
  { width: 1440, height: 900, colorScheme: "light", hash: "#v1.AAAA" },
] as const;
const HEADER = `# The functions of the page's wasm that run before the first picture stands: they are fetched first, all others behind
# them. Written by \`cargo xtask startup\`; a list that is out of date makes the page slower, never wrong.
`;

test("what runs before the first picture stands", async ({ browser }) => {
  const names = readFileSync(process.env.HOPSCOPE_NAMES ?? "", "utf8").split("\n");
  const ran = new Set<string>();
  for (const { width, height, colorScheme, hash } of VIEWS) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    // It is asked for behind the first picture.
    await page.route(/engineroom.*/, () => {});
    await page.goto(`./${hash}`);
    await expect(hash ? page.getByText("Opening the link…") : page.locator("[data-link].s-taken").first()).toBeVisible();
    const marks = await page.evaluate(async (count) => {
      const glue = document.querySelector<HTMLLinkElement>('link[rel="modulepreload"]')?.href ?? "";
      // Started already, it gives what it exports.
      const { memory } = await (await import(glue)).default();
      return [...new Uint8Array((memory as WebAssembly.Memory).buffer, 0, count)];
    }, FIRST + names.length);
    for (const [at, name] of names.entries()) if (name && marks[FIRST + at]) ran.add(name);
    await page.close();
  }
  expect(ran.size).toBeGreaterThan(500);
  writeFileSync(process.env.HOPSCOPE_STARTUP ?? "", `${HEADER}${[...ran].sort().join("\n")}\n`);
});
