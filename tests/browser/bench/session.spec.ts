import { type Page, expect, test } from "@playwright/test";
import { Hopscope, TABS } from "../hopscope.ts";

interface Figures {
  shift: number;
  events: number[];
}

/** Collects layout shifts and the time from each input to the frame that shows its effect. */
async function observe(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const figures: Figures = { shift: 0, events: [] };
    (globalThis as unknown as { figures: Figures }).figures = figures;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) figures.shift += entry.value;
      }
    }).observe({ type: "layout-shift", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { interactionId: number })[]) {
        if (entry.interactionId) figures.events.push(entry.duration);
      }
    }).observe({ type: "event", buffered: true, durationThreshold: 16 } as PerformanceObserverInit);
  });
}

function at(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

test("a session of edits", async ({ page }) => {
  await observe(page);
  const start = Date.now();
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  const usable = Date.now() - start;
  for (let round = 0; round < 5; round++) {
    for (const policy of ["Cluster", "Local"]) await hopscope.choose("External traffic policy", policy);
    for (const tab of TABS) await hopscope.open(tab);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+y");
    await hopscope.tell("moved");
    await hopscope.tell("local");
    await page.getByRole("button", { name: "Zoom in (+)" }).click();
    await page.getByRole("button", { name: "Show everything (0)" }).click();
  }
  const { shift, events } = await page.evaluate(() => (globalThis as unknown as { figures: Figures }).figures);
  console.log(`  usable after ${usable} ms; layout shift ${shift.toFixed(3)}`);
  console.log(`  input to frame, ${events.length} events over 16 ms: median ${at(events, 0.5)} ms, p95 ${at(events, 0.95)} ms`);
  expect(shift, "nothing moves by itself").toBeLessThan(0.001);
  expect(at(events, 0.95), "input to frame, 95th percentile, in ms").toBeLessThan(100);
});
