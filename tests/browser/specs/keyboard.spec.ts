import type { Page } from "@playwright/test";
import { expect, test } from "../test.ts";

const NODE = "aks-pool-1-27255451-0";

/** Presses Tab until the focus is on what has this name. */
async function tabTo(page: Page, name: RegExp, key = "Tab"): Promise<void> {
  const names: string[] = [];
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press(key);
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement | null;
      if (!element) return "";
      const labelled = element.getAttribute("aria-label") ?? (element as HTMLInputElement).labels?.[0]?.textContent;
      return (labelled ?? element.textContent ?? "").trim().slice(0, 80);
    });
    if (name.test(focused)) return;
    names.push(focused);
  }
  throw new Error(`Tab never came to ${name}; it came to ${names.join(" | ")}`);
}

test("the first session by keyboard alone: flow, move, rules, undo, share", async ({ hopscope, page }) => {
  // Choose a flow.
  await tabTo(page, /^From$/);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("198.51.100.9");
  await tabTo(page, /^To$/);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("svc/default/echo-service:80");
  await page.keyboard.press("Enter");
  await expect(hopscope.verdict).toContainText("delivered");
  await expect(hopscope.panel).toContainText("198.51.100.9");

  // Move a node: into the picture, arrows to the node, pick up, choose, put down.
  await tabTo(page, /^Skip to the picture$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  for (let presses = 0; presses < 30; presses++) {
    const here = await page.evaluate(() => document.activeElement?.getAttribute("data-id") ?? "");
    if (here.includes(NODE)) break;
    await page.keyboard.press(presses % 3 === 0 ? "ArrowDown" : "ArrowRight");
  }
  await expect(hopscope.node(NODE)).toBeFocused();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowDown");
  await expect(hopscope.main).toContainText(`${NODE} to node pool system`);
  await page.keyboard.press("Enter");
  await expect(hopscope.announcer).toContainText(`Move ${NODE} to system. 1 watched flow changed.`);
  // The focus is still in the picture, on what was moved.
  await expect(hopscope.node(NODE)).toBeFocused();

  // Look at the rules.
  await tabTo(page, /^Trace$/);
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Rules" })).toHaveAttribute("aria-selected", "true");
  await tabTo(page, /^Search rules$/);
  await page.keyboard.type("DNAT");
  await expect(hopscope.panel.getByRole("status")).toContainText("rules shown");

  // Take it back.
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Control+z");
  await expect(hopscope.announcer).toContainText(`Undone: Move ${NODE} to system`);

  // Share: the dialog takes the focus and gives it back.
  await tabTo(page, /^Share…$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Share and export" });
  await expect(dialog).toContainText(/\d+ characters/);
  await tabTo(page, /^Copy link$/);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Share…" })).toBeFocused();
});
