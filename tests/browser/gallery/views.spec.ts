import { test } from "@playwright/test";
import { Hopscope } from "../hopscope.ts";
import { out } from "../playwright.base.ts";

/** What to take a picture of: a name for the file, and the way there from the first paint. */
const views: { name: string; open: (hopscope: Hopscope) => Promise<void> }[] = [
  { name: "first-paint", open: async () => {} },
];

for (const { name, open } of views) {
  test(name, async ({ page }, { project }) => {
    const hopscope = new Hopscope(page);
    await hopscope.goto();
    await open(hopscope);
    await page.screenshot({ path: `${out}/gallery/${name}-${project.name}.png` });
    await page.screenshot({ path: `${out}/gallery/${name}-${project.name}-whole.png`, fullPage: true });
  });
}
