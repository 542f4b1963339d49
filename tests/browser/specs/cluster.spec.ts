import { cluster } from "../clusters.ts";
import type { Hopscope } from "../hopscope.ts";
import { expect, expectAccessible, test } from "../test.ts";

test("a pool is scaled, and a node is cordoned", async ({ hopscope, page }) => {
  await page.getByRole("combobox", { name: "Selected object" }).selectOption("");
  const nodes = page.getByRole("group", { name: "Nodes of pool-1" });
  await expect(nodes.getByRole("spinbutton")).toHaveValue("1");
  await nodes.getByRole("button", { name: "More: Nodes of pool-1" }).click();
  await expect(hopscope.pool("pool-1")).toHaveAccessibleName(/2 nodes/);
  await expect(hopscope.announcer).toContainText("Scale pool-1 to 2.");
  await expectAccessible(page);
  await nodes.getByRole("spinbutton").fill("3");
  await nodes.getByRole("spinbutton").press("Tab");
  await expect(hopscope.pool("pool-1")).toHaveAccessibleName(/3 nodes/);
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  await expect(hopscope.pool("pool-1")).toHaveAccessibleName(/1 node/);

  await hopscope.select("aks-pool-1-27255451-0");
  await hopscope.choose("New pods", "Kept away");
  await expect(page.getByRole("button", { name: "Undo" })).toHaveAttribute("title", /^Undo: Cordon aks-pool-1/);
});

test("a Deployment is added and scaled, and its pods are scheduled", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Add an object" }).click();
  const dialog = page.getByRole("dialog", { name: "Add an object" });
  await dialog.getByRole("radio", { name: "Deployment" }).click();
  await dialog.getByRole("button", { name: "Apply" }).click();
  await expect(dialog).toHaveCount(0);
  const pods = hopscope.main.getByRole("button", { name: /^Pod default\/web-/ });
  await expect(pods).toHaveCount(2);
  await page.getByRole("button", { name: "More: Replicas of web" }).click();
  await expect(pods).toHaveCount(3);
  await expectAccessible(page);
});

async function openLarge(hopscope: Hopscope, text: string): Promise<void> {
  const { page } = hopscope;
  await page.getByRole("button", { name: "Open…" }).click();
  await page
    .getByLabel("Files")
    .setInputFiles({ name: "large.yaml", mimeType: "application/yaml", buffer: Buffer.from(text) });
  await expect(hopscope.main).toContainText("more nodes", { timeout: 60_000 });
  const close = page.getByRole("dialog").getByRole("button", { name: "Close" });
  if (await close.isVisible()) await close.click();
}

test("a large cluster is drawn with few elements, and every tab stays small", async ({ hopscope, page }) => {
  test.slow();
  await openLarge(hopscope, cluster({ nodes: 120 }));
  for (const tab of ["Trace", "Shares", "Changes", "Rules", "Load balancer", "Network", "Matrix"] as const) {
    await hopscope.open(tab);
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    expect(elements, `elements on the tab ${tab}`).toBeLessThanOrEqual(3_000);
  }
  // What is left out is counted, and there for the asking.
  await hopscope.open("Shares");
  const rows = () => hopscope.panel.getByRole("table", { name: "Delivered" }).getByRole("row").count();
  expect(await rows()).toBe(101);
  await hopscope.panel.getByRole("button", { name: "Show 140 more rows" }).click();
  expect(await rows()).toBe(241);
});

test("while the matrix of a large cluster is asked the page answers, and it can be cancelled", async ({ hopscope, page }) => {
  test.slow();
  const services = Array.from({ length: 12 }, (_, at) => `web-${at}`);
  await openLarge(hopscope, cluster({ nodes: 600, services }));
  const panel = hopscope.panel;
  const progress = panel.getByRole("status");
  await hopscope.open("Matrix");
  await expect(progress).toHaveText(/^Asked \d+ %\.$/);

  // A key press opens the commands long before the end.
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Help" })).toBeVisible();
  await expect(progress).toHaveText(/^Asked \d+ %\.$/);
  await page.keyboard.press("Escape");

  await panel.getByRole("button", { name: "Cancel" }).click();
  await expect(progress).toHaveText(/^Cancelled after \d+ %\.$/);
  const asked = await progress.innerText();
  await expectAccessible(page);
  // Nothing goes on by itself; what is known stays, and the rest can be asked.
  expect(await progress.innerText()).toBe(asked);
  const columns = () => panel.getByRole("columnheader").count();
  expect(await columns()).toBeLessThan(13);
  await panel.getByRole("button", { name: "Go on" }).click();
  await expect(progress).toHaveCount(0, { timeout: 60_000 });
  expect(await columns()).toBe(13);
});

test("what an edit brought about is told in order", async ({ hopscope, page }) => {
  const panel = await hopscope.open("Changes");
  await expect(panel).toContainText("Nothing was changed yet.");
  await hopscope.select("aks-pool-1-27255451-0");
  await hopscope.choose("Move to pool", "system");
  await expect(panel.getByRole("heading", { level: 3 })).toHaveText("Move aks-pool-1-27255451-0 to system");
  await expect(panel).toContainText("A VM cannot change its node pool");
  const stages = await panel.getByRole("heading", { level: 4 }).allInnerTexts();
  expect(stages.length).toBeGreaterThan(1);
  await expect(panel).toContainText("kubernetes");
  await expectAccessible(page);
});

test("the matrix tells who reaches whom, and a cell draws its flow", async ({ hopscope, page }) => {
  const panel = await hopscope.open("Matrix");
  const rows = await hopscope.rows("Share of connections that are answered");
  expect(rows.length).toBeGreaterThan(3);
  expect(rows[0][0]).toMatch(/^198\.51\.100\.7\s+a client on the internet$/);
  expect(rows[1][0]).toMatch(/^10\.224\.255\.254\s+a VM in /);
  for (const row of rows) expect(row[1]).toBe("✓ 100 %");
  await panel.getByRole("row", { name: /58mz5/ }).getByRole("button").click();
  await expect(page.getByRole("combobox", { name: "From", exact: true })).toHaveValue(/^pod\/default\/\S+-58mz5$/);
  await expect(hopscope.verdict).toContainText("delivered");
});
