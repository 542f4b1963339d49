import { readFileSync, writeFileSync } from "node:fs";
import { type Browser, type Page, expect, test } from "@playwright/test";
import { cluster } from "../clusters.ts";
import { Hopscope } from "../hopscope.ts";
import { FRAME, at, told } from "./figures.ts";

/** HOPSCOPE_LARGE chooses others: nodes, pods on each, Services. */
const [NODES, PODS, SERVICES] = (process.env.HOPSCOPE_LARGE ?? "5000,10,10000").split(",").map(Number);
const LONG = { timeout: 300_000 };

/** Elements that the page may have. */
const ELEMENTS = 3_000;

declare global {
  // eslint-disable-next-line no-var
  var gaps: number[];
}

/** Notes from now on how long each frame took. */
async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    globalThis.gaps = [];
    let last = performance.now();
    const frame = () => {
      const now = performance.now();
      globalThis.gaps.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

/** The frames since the last time. */
async function frames(page: Page): Promise<number[]> {
  return page.evaluate(() => globalThis.gaps.splice(0));
}

const worst = (gaps: number[]): string =>
  gaps.filter((gap) => gap > 50).toSorted((a, b) => b - a).slice(0, 6).map((gap) => gap.toFixed(0)).join(", ") || "none over 50";

/** Megabytes that the tab's process takes, the worker and what Chromium itself needs included. */
async function memory(browser: Browser): Promise<string> {
  const client = await browser.newBrowserCDPSession();
  const { processInfo } = await client.send("SystemInfo.getProcessInfo");
  await client.detach();
  const taken = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1]) / 1024);
  return `the tab takes ${Math.max(...taken).toFixed(0)} MB`;
}

test(`${NODES} nodes, ${NODES * PODS} pods, ${SERVICES} Services`, async ({ page, browser }) => {
  test.setTimeout(900_000);
  const services = Array.from({ length: SERVICES }, (_, at) => `web-${at}`);
  const text = cluster({ nodes: NODES, pods: PODS, services, apart: true });
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await page.getByRole("button", { name: "Open…" }).click();
  await page.waitForTimeout(500);
  await watch(page);
  // A file of the machine, as a person has it: one that the test hands over as a text stays in the page's memory as such.
  const file = test.info().outputPath("large.yaml");
  writeFileSync(file, text);
  let start = Date.now();
  await page.getByLabel("Files").setInputFiles(file);
  const handed = Date.now() - start;
  await frames(page);
  start = Date.now();
  const bar = page.locator(".work .message");
  await expect(hopscope.main).toContainText("more nodes", LONG);
  console.log(`  ${(text.length / 2 ** 20).toFixed(1)} MB handed over in ${handed} ms, opened after ${Date.now() - start} ms; longest frames ${worst(await frames(page))} ms`);
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(bar).toHaveCount(0, LONG);
  const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
  console.log(`  ${await elements()} elements; ${await memory(browser)}`);
  expect(await elements(), "elements").toBeLessThanOrEqual(ELEMENTS);
  await page.waitForTimeout(6_000);
  console.log(`  after it, kept for the next visit; longest frames ${worst(await frames(page))} ms`);

  for (const value of ["Cluster", "Local"]) {
    await frames(page);
    start = Date.now();
    await hopscope.switch("External traffic policy").getByRole("radio", { name: value, exact: true }).click();
    await expect(hopscope.switch("External traffic policy").getByRole("radio", { name: value, exact: true })).toBeChecked(LONG);
    const done = Date.now() - start;
    await expect(hopscope.announcer).toContainText("watched flow", LONG);
    await expect(bar).toHaveCount(0, LONG);
    await page.waitForTimeout(5_000);
    console.log(`  policy ${value}: drawn after ${done} ms; longest frames ${worst(await frames(page))} ms`);
  }
  for (const tab of ["Shares", "Changes", "Rules", "Load balancer", "Network", "Trace"] as const) {
    await frames(page);
    await hopscope.open(tab);
    await expect(bar).toHaveCount(0, LONG);
    await page.waitForTimeout(500);
    await expect(bar).toHaveCount(0, LONG);
    console.log(`  ${tab}: ${await elements()} elements; longest frames ${worst(await frames(page))} ms`);
    expect(await elements(), "elements").toBeLessThanOrEqual(ELEMENTS);
  }

  const picture = await hopscope.main.boundingBox();
  if (!picture) throw new Error("the picture is not drawn");
  const [x, y] = [picture.x + picture.width / 2, picture.y + picture.height * 0.4];
  await page.keyboard.press("Escape");
  await page.mouse.move(x, y);
  // Zooming in and out, by the wheel.
  await page.keyboard.down("Control");
  await frames(page);
  for (let step = 0; step < 60; step++) {
    await page.mouse.wheel(0, step % 30 < 15 ? -60 : 60);
    await page.waitForTimeout(FRAME);
  }
  await page.keyboard.up("Control");
  console.log(`  zoom, frames: ${told(await frames(page))}`);
  const empty = { x: picture.x + 12, y: picture.y + picture.height - 60 };
  await page.mouse.move(empty.x, empty.y);
  await page.mouse.down();
  await frames(page);
  for (let step = 0; step < 90; step++) {
    await page.mouse.move(empty.x + 200 * Math.sin(step / 8), empty.y - 100 + 100 * Math.cos(step / 8));
    await page.waitForTimeout(FRAME);
  }
  const panned = await frames(page);
  await page.mouse.up();
  console.log(`  pan, frames: ${told(panned)}; a frame is ${FRAME.toFixed(1)} ms`);
  console.log(`  ${await memory(browser)}`);
  expect(at(panned, 0.5), "pan, median frame, in ms").toBeLessThan(1.2 * FRAME);
});
