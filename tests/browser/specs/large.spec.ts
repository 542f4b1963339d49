import type { Locator, Page } from "@playwright/test";
import { cluster } from "../clusters.ts";
import type { Hopscope } from "../hopscope.ts";
import { expect, expectAccessible, test } from "../test.ts";

// A cluster that takes the engine seconds: it works in a thread of its own.
const LARGE = cluster({ nodes: 1_000, pods: 10 });
const LONG = { timeout: 60_000 };

/** The bar that tells of the engine's work. */
const bar = (page: Page): Locator => page.locator(".work .message");

async function begin(hopscope: Hopscope): Promise<void> {
  const { page } = hopscope;
  await page.getByRole("button", { name: "Open…" }).click();
  await page
    .getByLabel("Files")
    .setInputFiles({ name: "large.yaml", mimeType: "application/yaml", buffer: Buffer.from(LARGE) });
}

async function open(hopscope: Hopscope): Promise<void> {
  const { page } = hopscope;
  await begin(hopscope);
  await expect(hopscope.main).toContainText("more nodes", LONG);
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(bar(page)).toHaveCount(0, LONG);
}

/** Milliseconds from a press on a tab to the frame that shows it. */
async function press(hopscope: Hopscope, name: string): Promise<number> {
  return hopscope.dock.getByRole("tab", { name }).evaluate(async (tab: HTMLElement) => {
    const start = performance.now();
    tab.click();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    if (tab.getAttribute("aria-selected") !== "true") throw new Error("the tab is not shown");
    return performance.now() - start;
  });
}

test("a large cluster is opened and edited while the page answers", async ({ hopscope, page }) => {
  test.slow();
  await begin(hopscope);
  // The dialog has the bar, since nothing behind it can be reached.
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await expect(dialog.locator(".work").getByRole("status")).toHaveText("Reading the documents…", LONG);
  await expect(dialog.locator(".work").getByRole("progressbar", { name: "Reading the documents" })).toBeVisible(LONG);
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeVisible();
  await expect(hopscope.main).toContainText("more nodes", LONG);
  await expect(dialog).toHaveCount(0);
  await expect(bar(page)).toHaveCount(0, LONG);
  await expect(hopscope.verdict).toContainText("delivered");

  await hopscope.switch("External traffic policy").getByRole("radio", { name: "Cluster", exact: true }).click();
  await expect(bar(page)).toBeVisible(LONG);
  await expectAccessible(page);
  const took = await press(hopscope, "Changes");
  // Elsewhere on a machine that does other things beside.
  expect(took, "from a press on a tab to its frame, in ms").toBeLessThan(process.env.CI ? 300 : 100);
  await expect(hopscope.announcer).toContainText("Set external traffic policy", LONG);
  await expect(bar(page)).toHaveCount(0, LONG);
  await expect(hopscope.panel.getByRole("heading", { level: 4 }).first()).toBeVisible(LONG);
  await expect(page.getByRole("button", { name: "Undo" })).toBeEnabled();
});

test("what takes long is cancelled from the keyboard, and the next edit works", async ({ hopscope, page }) => {
  test.slow();
  await open(hopscope);
  const policy = (value: string) => hopscope.switch("External traffic policy").getByRole("radio", { name: value, exact: true });
  const undo = page.getByRole("button", { name: "Undo" });
  const before = await undo.getAttribute("title");
  await policy("Local").focus();
  await page.keyboard.press("ArrowLeft");
  await expect(bar(page)).toBeVisible(LONG);
  await page.keyboard.press("Escape");
  await expect(hopscope.announcer).toHaveText("Cancelled: the cluster is as it was.");
  await expect(bar(page)).toHaveCount(0);
  await expect(policy("Local")).toBeChecked();
  expect(await undo.getAttribute("title")).toBe(before);

  // By the button, too: it is reached by Tab like any other.
  await policy("Cluster").click();
  await expect(bar(page)).toBeVisible(LONG);
  await bar(page).getByRole("button", { name: "Cancel" }).focus();
  await page.keyboard.press("Enter");
  await expect(hopscope.announcer).toHaveText("Cancelled: the cluster is as it was.");
  await expect(policy("Local")).toBeChecked();

  await policy("Cluster").click();
  await expect(policy("Cluster")).toBeChecked(LONG);
  await undo.click();
  await expect(policy("Local")).toBeChecked(LONG);
  await expect(bar(page)).toHaveCount(0, LONG);
});

test("reading is cancelled, and nothing is opened", async ({ hopscope, page }) => {
  test.slow();
  await begin(hopscope);
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await dialog.getByRole("button", { name: "Cancel" }).click(LONG);
  await expect(dialog.getByTestId("diagnostics")).toContainText("it was cancelled");
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(hopscope.verdict).toContainText("delivered");
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
  await hopscope.tell("cluster");
});

test("without workers the page's own thread does it all", async ({ page, hopscope }) => {
  test.slow();
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, "Worker"));
  await page.reload();
  await hopscope.goto();
  await open(hopscope);
  await hopscope.switch("External traffic policy").getByRole("radio", { name: "Cluster", exact: true }).click();
  await expect(hopscope.announcer).toContainText("Set external traffic policy", LONG);
});
