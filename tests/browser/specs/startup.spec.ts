import { expect, test } from "@playwright/test";
import { Hopscope } from "../hopscope.ts";

const REST = /rest-.*_bg\.wasm/;

test("the first picture and its trace stand without the rest of the page's code", async ({ page }) => {
  let asked = 0;
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(REST, async (route) => {
    asked += 1;
    await held;
    await route.continue();
  });
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await expect(hopscope.verdict).toContainText("delivered");
  await expect(hopscope.steps("Way there").first()).toContainText("Client sends");
  // Once, behind the picture, and not because something that is drawn needed it.
  expect(asked).toBe(1);
  release();
  await hopscope.open("Rules");
  await expect(hopscope.panel).toContainText("KUBE-");
  expect(asked).toBe(1);
});

test("what is called before the rest is there has it fetched at once", async ({ page }) => {
  let asked = 0;
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(REST, async (route) => {
    asked += 1;
    if (asked === 1) await held;
    await route.continue();
  });
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await expect(hopscope.verdict).toContainText("delivered");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("dialog")).toBeVisible();
  expect(asked).toBe(2);
  await page.keyboard.press("Escape");
  release();
  await hopscope.open("Rules");
  await expect(hopscope.panel).toContainText("KUBE-");
});

test("a rest that cannot be fetched is told, and the picture stays", async ({ page }) => {
  await page.route(REST, (route) => route.abort());
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await expect(hopscope.verdict).toContainText("delivered");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("alert").filter({ hasText: "could not be fetched" })).toContainText("Reload the page");
  await expect(hopscope.verdict).toContainText("delivered");
});
