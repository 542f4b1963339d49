import { type Page, expect, test } from "@playwright/test";
import { Hopscope } from "../hopscope.ts";

/** Holds the page's code until it is let go, and what follows the first drawing for good. */
async function hold(page: Page): Promise<() => void> {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/web-.*_bg\.wasm$/, async (route) => {
    await held;
    await route.continue();
  });
  await page.route(/engineroom/, () => {});
  return release;
}

interface Seen {
  what: string;
  box: number[];
}

/** Texts, fields and the picture's groups, and where each is seen. */
function seen(page: Page, root: string): Promise<Seen[]> {
  return page.locator(root).evaluate((root) => {
    const all: Seen[] = [];
    const add = (what: string, { x, y, width, height }: DOMRect) => {
      if (width > 1 && height > 1) all.push({ what, box: [x, y, width, height] });
    };
    // Below the picture of a narrow page the result has its place, which follows.
    const regions = innerWidth > 860 ? ".top, .stage, .rail, .side" : ".top, .stage, .rail";
    for (const region of root.querySelectorAll(regions)) {
      const walker = document.createTreeWalker(region, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node instanceof Element ? node : node.parentElement;
        if (element?.closest("title, desc, option, details > :not(summary)")) continue;
        if (node instanceof Text) {
          const range = document.createRange();
          range.selectNodeContents(node);
          add(node.data, range.getBoundingClientRect());
        } else if (node instanceof HTMLInputElement) {
          add(node.value, node.getBoundingClientRect());
        } else if (node instanceof HTMLSelectElement || node instanceof HTMLButtonElement) {
          add(node.localName, node.getBoundingClientRect());
        } else if (node instanceof SVGGElement && node.hasAttribute("transform")) {
          // Some of what the page draws is there for the pointer alone.
          const body = node.querySelector(":scope > .body, :scope > .hollow, :scope > rect:not(.ring)");
          if (body) add(node.getAttribute("class")?.replace(/ (movable|selected)/g, "") ?? "", body.getBoundingClientRect());
        }
      }
    }
    return all;
  });
}

for (const [width, height] of [
  [1440, 900],
  [1000, 700],
  [820, 1180],
  [390, 844],
  [320, 640],
] as const) {
  test(`what the build left is what the page draws first, ${width} × ${height}, and nothing moves`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await page.addInitScript(() => {
      const shifts: number[] = [];
      Object.assign(globalThis, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value);
      }).observe({ type: "layout-shift", buffered: true });
    });
    const release = await hold(page);
    const hopscope = new Hopscope(page);
    await page.goto("./");
    await expect(page.locator("#first .stage")).toBeVisible();
    const left = await seen(page, "#first");
    release();
    await hopscope.begun();
    const drawn = await seen(page, "#app");
    expect(left.length).toBeGreaterThan(80);
    expect(left.map(({ what }) => what)).toEqual(drawn.map(({ what }) => what));
    const far = left.filter(({ box }, at) => box.some((length, side) => Math.abs(length - (drawn[at]?.box[side] ?? 0)) > 0.6));
    expect(far).toEqual([]);
    expect(await page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts)).toEqual([]);
  });
}

test("what the build left cannot be used, and is gone when the page stands", async ({ page }) => {
  const release = await hold(page);
  await page.goto("./");
  await expect(page.getByRole("img", { name: "198.51.100.7 to svc/default/echo-service:80" })).toBeVisible();
  await expect(page.getByRole("button")).toHaveCount(0);
  for (let at = 0; at < 3; at += 1) await page.keyboard.press("Tab");
  await expect(page.locator("#first :focus")).toHaveCount(0);
  release();
  await new Hopscope(page).begun();
  await expect(page.locator(".app")).toHaveCount(1);
  await expect(page.getByRole("button", { name: "Send", exact: true })).toBeEnabled();
});

test("another address never shows the first example's picture", async ({ page }) => {
  await hold(page);
  for (const [hash, shown] of [
    ["#v1.AAAA", false],
    ["#lesson=port-80", false],
    ["#question=source-ip-lab", false],
    ["#picture", true],
    ["", true],
  ] as const) {
    await page.goto("about:blank");
    await page.goto(`./${hash}`);
    await expect(page.locator("#first"), hash).toBeVisible({ visible: shown });
  }
});

test("the chosen theme is there before the page's code", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await hold(page);
  await page.goto("./");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(await ground()).toBe("rgb(246, 247, 249)");
  await page.evaluate(() => localStorage.setItem("hopscope.theme", "dark"));
  await page.reload();
  expect(await ground()).toBe("rgb(15, 18, 23)");
});

test("without JavaScript there are the picture and a sentence", async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("./");
  await expect(page.locator(".unscripted")).toBeVisible();
  await expect(page.locator(".unscripted")).toContainText("needs JavaScript and WebAssembly");
  await expect(page.getByRole("img", { name: "198.51.100.7 to svc/default/echo-service:80" })).toBeVisible();
  await expect(page.getByRole("list", { name: "The packet's way" }).getByRole("listitem")).toHaveCount(4);
  await expect(page.getByText("Run 100")).toBeHidden();
  await page.keyboard.press("Tab");
  await expect(page.locator(":focus")).toHaveCount(0);
  await context.close();
});
