import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Page, expect, test } from "@playwright/test";
// @ts-expect-error It is plain JavaScript.
import { offline } from "../../../xtask/offline.mjs";
import { cluster } from "../clusters.ts";
import { address, out } from "../playwright.base.ts";
import { expectNoConsole, listen } from "../test.ts";
import { copyOfSite, foreign } from "./foreign.ts";

async function begun(page: Page): Promise<void> {
  await expect(page.getByRole("main")).toBeVisible({ timeout: 30_000 });
}

/** Waits until the worker has all files and answers for this page. */
async function kept(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
}

test("the site works under a sub-path, with no request outside of it and a quiet console", async ({ page }) => {
  const messages = listen(page);
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) elsewhere.push(request.url());
  });
  await page.goto(address);
  await begun(page);
  await kept(page);
  expect(elsewhere).toEqual([]);
  expectNoConsole(messages);
  const html = readFileSync(join(out, "site", "index.html"), "utf8");
  expect(html).not.toMatch(/<script>|<style>|\son\w+=|'unsafe-inline'; (script|style-src )/);
});

test("it can be installed", async ({ page }) => {
  await page.goto(address);
  const href = await page.locator('link[rel="manifest"]').getAttribute("href");
  const response = await page.request.get(new URL(href ?? "", address).href);
  const manifest = await response.json();
  expect(manifest.display).toBe("standalone");
  for (const { src, sizes } of manifest.icons) {
    const icon = await page.request.get(new URL(src, address).href);
    expect(icon.status(), `${src} ${sizes}`).toBe(200);
  }
});

/** Opens a cluster of one Service by the engineroom, which is a part that is fetched later. */
async function opened(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Open…" }).click();
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await dialog.getByRole("textbox", { name: "Or paste" }).fill(`apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  ports:\n  - port: 80\n`);
  await dialog.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(page.getByRole("combobox", { name: "Selected object" })).toContainText(name);
}

/** Opens a cluster that a worker keeps: the bar, which is there in the dialog while it is read, tells of one. */
async function openedLarge(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Open…" }).click();
  const buffer = Buffer.from(cluster({ nodes: 600, pods: 10 }));
  await page.getByLabel("Files").setInputFiles({ name: "large.yaml", mimeType: "application/yaml", buffer });
  await expect(page.getByRole("dialog").getByRole("button", { name: "Cancel" })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("main")).toContainText("more nodes", { timeout: 60_000 });
}

/** Opens the dialog that writes figures for other pages. */
async function embed(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Share…" }).click();
  await page.getByRole("button", { name: "Embed in a page…" }).click();
}

const title = (page: Page): Promise<string> =>
  page.evaluate(async () => (await globalThis.hopscope.text("lessons/port-80/lesson.yaml")).split("\n")[0]);

test("after one visit it works without network", async ({ page, context }) => {
  test.slow();
  const { url } = copyOfSite("offline");
  await page.goto(url);
  await begun(page);
  await kept(page);
  await context.setOffline(true);
  await page.reload();
  await begun(page);
  expect(await title(page)).toContain("port 80");
  await opened(page, "lonely");
  await openedLarge(page);
  await embed(page);
  await expect(page.getByRole("dialog", { name: "Embed this figure" })).toBeVisible();
  const docs = await context.newPage();
  await docs.goto(`${url}docs/`);
  await expect(docs.getByRole("heading", { name: "Hopscope", level: 1 })).toBeVisible();
});

test("an update is seen at the next visit, never mixes with the old version, and takes over when the old tab is closed", async ({ page, context }) => {
  const { folder, url } = copyOfSite("update");
  await page.goto(url);
  await begun(page);
  await kept(page);
  const before = await page.evaluate(() => caches.keys());
  expect(before).toHaveLength(1);

  // The next version: another page, another engineroom, another text under the same name.
  const part = (html: string, name: string) => html.match(new RegExp(`name="part-${name}" content="([^"]+)"`))?.[1] ?? "";
  const index = join(folder, "index.html");
  let html = readFileSync(index, "utf8");
  const [engineroom, texts] = [part(html, "engineroom"), part(html, "texts")];
  const [newEngineroom, newTexts] = [`engineroom-${"2".repeat(16)}`, `texts-${"2".repeat(16)}`];
  for (const end of [".js", "_bg.wasm"]) renameSync(join(folder, engineroom + end), join(folder, newEngineroom + end));
  html = html.replace(engineroom, newEngineroom).replace(texts, newTexts).replace("<title>Hopscope</title>", "<title>Hopscope 2</title>");
  writeFileSync(index, html);
  const lesson = join(folder, "lessons/port-80/lesson.yaml");
  writeFileSync(lesson, `title: 'The second version'\n${readFileSync(lesson, "utf8").replace(/^.*\n/, "")}`);
  offline(folder, join(import.meta.dirname, "../../.."));

  // Without a visit in between, the tab that is open goes on as the old version, with its own parts.
  expect(await title(page)).toContain("port 80");
  await opened(page, "lonely");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.reload();
  await begun(page);
  await expect(page).toHaveTitle("Hopscope 2");
  expect(await title(page)).toContain("The second version");
  await opened(page, "lonelier");
  expect(asked.filter((address) => address.includes(`${engineroom}.js`) || address.includes(texts))).toEqual([]);
  expect(asked.filter((address) => address.includes(newEngineroom))).toHaveLength(2);

  // The new worker waits for the last tab of the old one.
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    for (let at = 0; !registration.waiting && at < 100; at += 1) await new Promise((done) => setTimeout(done, 100));
  });
  await page.close();
  const next = await context.newPage();
  await next.goto(url);
  await begun(next);
  await expect.poll(async () => (await next.evaluate(() => caches.keys())).length).toBe(1);
  expect(await next.evaluate(() => caches.keys())).not.toEqual(before);
  await context.setOffline(true);
  await next.reload();
  await begun(next);
  await expect(next).toHaveTitle("Hopscope 2");
  expect(await title(next)).toContain("The second version");
  await opened(next, "loneliest");
});

test("figures in the documentation are live, and say so to nobody else", async ({ page }) => {
  const messages = listen(page);
  await page.goto(`${address}docs/getting-started.html`);
  await expect(page.locator("hop-scope svg").first()).toBeVisible({ timeout: 30_000 });
  const lesson = page.locator('hop-scope[lesson="port-80"]');
  await lesson.scrollIntoViewIfNeeded();
  await expect(lesson.getByRole("heading", { name: /Why does port 80 answer/ })).toBeVisible();
  await page.goto(`${address}docs/trace.html`);
  await page.locator("hop-scope").getByRole("button", { name: "Trace" }).click({ timeout: 30_000 });
  await expect(page.locator("hop-scope").getByText(/source seen 198\.51\.100\.7/).first()).toBeVisible();
  await page.goto(`${address}docs/causes/no-endpoints.html`);
  await page.locator("hop-scope").getByRole("button", { name: "Trace" }).click({ timeout: 30_000 });
  await expect(page.locator("hop-scope").getByText(/has no ready endpoint anywhere/).first()).toBeVisible();
  expectNoConsole(messages);
});

test.describe("the single file, from a disk", () => {
  const file = `file://${join(out, "site", "hopscope.html")}`;

  test("shows the first cluster and says nothing", async ({ page }) => {
    const messages = listen(page);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(file);
    await begun(page);
    await expect(page.getByRole("button", { name: /^Node aks-system-27255451-0/ })).toBeVisible();
    expect(await title(page)).toContain("port 80");
    // Nothing but itself; data: is the icon.
    expect(asked.filter((address) => address !== file && !address.startsWith("data:"))).toEqual([]);
    expectNoConsole(messages);
  });

  test("opens a large cluster in a thread of its own", async ({ page }) => {
    test.slow();
    const messages = listen(page);
    await page.goto(file);
    await begun(page);
    await openedLarge(page);
    expectNoConsole(messages);
  });

  test("opens, edits, shares, and shows YAML", async ({ page }) => {
    const messages = listen(page);
    await page.goto(file);
    await begun(page);
    const policy = page.getByRole("radiogroup", { name: "External traffic policy" });
    await policy.getByRole("radio", { name: "Cluster" }).click();
    await expect(policy.getByRole("radio", { name: "Cluster" })).toBeChecked();
    await page.getByRole("button", { name: "Share…" }).click();
    const share = page.getByRole("dialog", { name: "Share and export" });
    const exported = share.getByLabel("What will be copied or saved");
    await expect(exported).toContainText("#v1.");
    const link = (await exported.textContent()) ?? "";
    await share.getByRole("radio", { name: "YAML" }).click();
    await expect(exported).toContainText("externalTrafficPolicy: Cluster");
    await share.getByRole("button", { name: "Close" }).click();
    await embed(page);
    await page.getByRole("dialog", { name: "Embed this figure" }).getByRole("button", { name: "Close" }).click();
    await opened(page, "lonely");
    expectNoConsole(messages);

    await page.goto("about:blank");
    await page.goto(file + link.slice(link.indexOf("#")));
    await begun(page);
    await expect(policy.getByRole("radio", { name: "Cluster" })).toBeChecked();
  });
});

test("what the dialog writes is a figure: the element and the frame, with the cluster's file", async ({ page }) => {
  await page.goto(address);
  await begun(page);
  await embed(page);
  const dialog = page.getByRole("dialog", { name: "Embed this figure" });
  const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "Download the cluster" }).click()]);
  const cluster = readFileSync(await download.path(), "utf8");
  await dialog.getByLabel("View", { exact: true }).selectOption("Shares");
  const text = dialog.getByLabel("What to put into the other page");
  const element = (await text.textContent()) ?? "";
  await dialog.getByLabel("As", { exact: true }).selectOption("Frame");
  await dialog.getByLabel("The cluster’s file").fill(new URL("../foreign/written/plain/cluster.yaml", address).href);
  const frame = (await text.textContent()) ?? "";
  const html = `<!doctype html><html lang="en"><title>x</title><link rel="icon" href="data:,"><body>${element}${frame}</body></html>`;
  const url = foreign("written", { "t.html": html, "cluster.yaml": cluster });
  await page.goto(`${url}t.html`);
  const row = { name: /58mz5 100\.0 %/ };
  await expect(page.locator("hop-scope").getByRole("row", row)).toBeVisible({ timeout: 30_000 });
  const inside = page.frameLocator("#hopscope-figure");
  await inside.locator("body").scrollIntoViewIfNeeded();
  await expect(inside.getByRole("row", row)).toBeVisible({ timeout: 30_000 });
});
