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

test("whatever Tab comes to shows that it has the focus", async ({ hopscope, page }) => {
  const seen = new Set<string>();
  await expect(hopscope.main).toBeVisible();
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return undefined;
      // Cards in the picture draw a ring of their own; fields in a box may light the box.
      const ring = element.querySelector(":scope > .ring");
      const drawn = (one: Element | null): boolean => {
        if (!one) return false;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
        return (outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
      };
      const marked = ring
        ? getComputedStyle(ring).stroke !== "none" && Number.parseFloat(getComputedStyle(ring).strokeWidth) >= 2
        : drawn(element) || drawn(element.closest("form"));
      return { name: element.getAttribute("aria-label") ?? element.textContent?.trim().slice(0, 40) ?? "", marked };
    });
    if (!stop) break;
    expect(stop.marked, `the focus on "${stop.name}" must be seen`).toBe(true);
    seen.add(stop.name);
  }
  // It came through every region of the page.
  for (const name of ["Skip to the picture", "Send", "Dark theme", "Trace", "Selected object"]) {
    expect([...seen]).toContain(name);
  }
});

test("paper gets the picture and every step, on a light ground, whatever the theme", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Dark theme" }).click();
  await page.emulateMedia({ media: "print" });
  expect(await page.evaluate(() => getComputedStyle(document.querySelector(".dock") as Element).backgroundColor)).toBe("rgb(255, 255, 255)");
  await expect(page.getByRole("button", { name: "Send", exact: true })).toBeHidden();
  await expect(hopscope.node("aks-system-27255451-0")).toBeVisible();
  const steps = hopscope.steps("Way there");
  expect(await steps.count()).toBeGreaterThan(10);
  // Nothing is cut off: the panel is as high as what is in it.
  const cut = await page.getByRole("tabpanel").evaluate((panel) => panel.scrollHeight - panel.clientHeight);
  expect(cut).toBeLessThanOrEqual(1);
});
