import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "../test.ts";

/** By the dialog of what can be taken along. */
async function embed(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Share…" }).click();
  await page.getByRole("button", { name: "Embed in a page…" }).click();
}

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

test("the dialog writes a figure of what is on the page, in three forms", async ({ hopscope, page }) => {
  await hopscope.choose("External traffic policy", "Cluster");
  await hopscope.send("node/aks-pool-1-27255451-0", "svc/default/echo-service:80");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await embed(page);
  const dialog = page.getByRole("dialog", { name: "Embed this figure" });
  await expect(dialog).toBeVisible();
  expect(asked.filter((address) => /embed.*\.js$/.test(address))).toHaveLength(1);
  await expectAccessible(page);
  const text = dialog.getByLabel("What to put into the other page");
  await expect(text).toContainText('flow="node/aks-pool-1-27255451-0 -&gt; svc/default/echo-service:80"');
  await expect(text).toContainText('cluster="cluster.yaml"');
  await expect(text).not.toContainText("theme");

  await dialog.getByLabel("View", { exact: true }).selectOption("Trace");
  await dialog.getByLabel("Theme").selectOption("Dark");
  await dialog.getByLabel("Height in pixels").fill("480");
  await dialog.getByLabel("The reader").selectOption("May change view and policy");
  await dialog.getByLabel("The cluster’s file").fill('a"b.yaml');
  for (const part of ['view="trace"', 'theme="dark"', 'height="480"', "controls", 'cluster="a&quot;b.yaml"']) {
    await expect(text).toContainText(part);
  }
  await dialog.getByRole("button", { name: "Copy" }).click();
  await expect(dialog.getByRole("status")).toHaveText("Copied.");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await text.textContent());

  await dialog.getByLabel("As", { exact: true }).selectOption("Frame");
  await expect(text).toContainText("frame.html?cluster=a%22b.yaml&amp;flow=node%2Faks-pool-1-27255451-0");
  await expect(text).toContainText("height: 480px");
  await dialog.getByLabel("As", { exact: true }).selectOption("Picture (SVG)");
  await expect(text).toContainText(
    "hopscope render 'a\"b.yaml' --from node/aks-pool-1-27255451-0 --to svc/default/echo-service:80 --theme dark -o svg > figure.svg",
  );
  await expect(dialog.getByLabel("View", { exact: true })).toBeDisabled();

  const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "Download the cluster" }).click()]);
  expect(download.suggestedFilename()).toMatch(/\.yaml$/);
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  // It can be opened again.
  await embed(page);
  await expect(dialog).toBeVisible();
});

test("a dialog that cannot be fetched is told", async ({ page, hopscope }) => {
  await page.route(/\/embed[^/]*\.js$/, (route) => route.fulfill({ status: 200, contentType: "text/javascript", body: "throw 1" }));
  await embed(page);
  await expect(page.getByRole("alert")).toContainText("the part of the page that writes figures could not be fetched");
  await expect(hopscope.verdict).toContainText("delivered");
});

test("a lesson that is open is what is embedded", async ({ hopscope, page }) => {
  await hopscope.goto("#lesson=port-80");
  await expect(page.getByRole("heading", { name: /Why does port 80 answer/ })).toBeVisible();
  await embed(page);
  const dialog = page.getByRole("dialog", { name: "Embed this figure" });
  const text = dialog.getByLabel("What to put into the other page");
  await expect(text).toContainText('lesson="port-80"');
  await expect(text).not.toContainText("cluster=");
  await dialog.getByLabel("What", { exact: true }).selectOption("The cluster and the flow");
  await expect(text).toContainText('cluster="cluster.yaml"');
});
