import { TABS } from "../hopscope.ts";
import { expect, expectAccessible, test } from "../test.ts";

for (const width of [1440, 390, 320]) {
  for (const colorScheme of ["light", "dark"] as const) {
    test.describe(`${width} px wide, ${colorScheme}`, () => {
      test.use({ viewport: { width, height: 844 }, colorScheme });

      test("axe finds nothing on any tab, nor on the move menu, nor on a dialog", async ({ hopscope, page }) => {
        test.slow();
        for (const tab of TABS) {
          await hopscope.open(tab);
          await expectAccessible(page);
        }
        await hopscope.node("aks-pool-1").focus();
        await page.keyboard.press("Enter");
        await page.getByRole("button", { name: /^Move aks-pool-1-\S+ to…/ }).click();
        await expect(page.getByRole("menu")).toBeVisible();
        await expectAccessible(page);
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "Open…" }).click();
        await expectAccessible(page);
      });
    });
  }
}

for (const width of [390, 320]) {
  test.describe(`${width} px wide`, () => {
    test.use({ viewport: { width, height: 640 } });

    test("no tab makes the page wider than the screen", async ({ hopscope, page }) => {
      for (const tab of TABS) {
        await hopscope.open(tab);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        expect(wide, `width of the page on the tab ${tab}`).toBe(width);
      }
    });
  });
}

test("the theme button turns the page dark, and the choice is kept", async ({ hopscope, page }) => {
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const button = page.getByRole("button", { name: "Dark theme" });
  await expect(button).toHaveAttribute("aria-pressed", "false");
  const light = await ground();
  await button.click();
  await expect(button).toHaveAttribute("aria-pressed", "true");
  const dark = await ground();
  expect(dark).not.toBe(light);

  await page.reload();
  await expect(hopscope.main).toBeVisible();
  await expect(button).toHaveAttribute("aria-pressed", "true");
  expect(await ground()).toBe(dark);
  await button.click();
  expect(await ground()).toBe(light);
});

