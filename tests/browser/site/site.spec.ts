import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as base } from "@playwright/test";
import { address, out } from "../playwright.base.ts";
import { expectNoConsole, listen } from "../test.ts";
import { copyOfSite } from "./foreign.ts";

const test = base;

async function begun(page: import("@playwright/test").Page): Promise<void> {
  await expect(page.getByRole("main")).toBeVisible({ timeout: 30_000 });
}

/** Waits until the worker has all files and answers for this page. */
async function kept(page: import("@playwright/test").Page): Promise<void> {
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
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

test("after one visit it works without network", async ({ page, context }) => {
  const { url } = copyOfSite("offline");
  await page.goto(url);
  await begun(page);
  await kept(page);
  await context.setOffline(true);
  await page.reload();
  await begun(page);
  const lesson = await page.evaluate(async () => (await fetch("lessons/port-80/lesson.yaml")).text());
  expect(lesson).toContain("port 80");
});

test("an update is seen at the next visit, and takes over when the old tab is closed", async ({ page, context }) => {
  const { folder, url } = copyOfSite("update");
  await page.goto(url);
  await begun(page);
  await kept(page);
  const index = join(folder, "index.html");
  writeFileSync(index, readFileSync(index, "utf8").replace("<title>Hopscope</title>", "<title>Hopscope 2</title>"));
  appendFileSync(join(folder, "sw.js"), "\n// a new version\n");
  const worker = join(folder, "sw.js");
  writeFileSync(worker, readFileSync(worker, "utf8").replace(/const version = "\w+"/, 'const version = "two"'));

  await page.reload();
  await begun(page);
  await expect(page).toHaveTitle("Hopscope 2");
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
  await expect.poll(() => next.evaluate(() => caches.keys())).toEqual(["hopscope-two"]);
  await context.setOffline(true);
  await next.reload();
  await begun(next);
  await expect(next).toHaveTitle("Hopscope 2");
});

test("the single file works from a disk", async ({ page }) => {
  const messages = listen(page);
  await page.goto(`file://${join(out, "site", "hopscope.html")}`);
  await begun(page);
  await expect(page.getByRole("button", { name: /^Node aks-system-27255451-0/ })).toBeVisible();
  // The parts that other hosts serve as files.
  expect(await page.evaluate(() => globalThis.hopscope.text("lessons/port-80/lesson.yaml"))).toContain("port 80");
  expectNoConsole(messages);
});
