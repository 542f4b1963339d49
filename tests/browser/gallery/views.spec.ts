import { test } from "@playwright/test";
import { Hopscope, STORIES, TABS } from "../hopscope.ts";
import { out } from "../playwright.base.ts";

/** What to take a picture of: a name for the file, and the way there from the first paint. */
const views: { name: string; open: (hopscope: Hopscope) => Promise<void> }[] = [
  { name: "first-paint", open: async () => {} },
  ...(Object.keys(STORIES) as (keyof typeof STORIES)[]).flatMap((story) =>
    TABS.map((tab) => ({
      name: `${story}-${tab.toLowerCase().replace(" ", "-")}`,
      open: async (hopscope: Hopscope) => {
        await hopscope.tell(story);
        await hopscope.open(tab);
      },
    })),
  ),
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
