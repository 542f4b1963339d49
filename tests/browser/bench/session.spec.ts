import { type Page, expect, test } from "@playwright/test";
import { Hopscope, TABS } from "../hopscope.ts";
import { FRAME, at, told } from "./figures.ts";

/** What the page is held to: an input is answered on the screen within so many milliseconds, 95 times of 100. */
const INPUT = 100;

/** One interaction: its events are a press, its release and a click. */
interface Input {
  id: number;
  kind: string;
  on: string;
  took: number;
}

interface Figures {
  shift: number;
  /** What moved, by the class of what it is in. */
  shifted: string[];
  inputs: Input[];
}

/** Collects layout shifts and, of each interaction, the time from the input to the frame that shows its effect. */
async function observe(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const figures: Figures = { shift: 0, shifted: [], inputs: [] };
    (globalThis as unknown as { figures: Figures }).figures = figures;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean; sources?: { node?: Node }[] })[]) {
        if (entry.hadRecentInput) continue;
        figures.shift += entry.value;
        figures.shifted.push(...(entry.sources ?? []).map(({ node }) => node?.parentElement?.getAttribute("class") ?? node?.nodeName ?? ""));
      }
    }).observe({ type: "layout-shift", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { interactionId: number; target: Element | null })[]) {
        if (!entry.interactionId) continue;
        const on = entry.target?.getAttribute("aria-label") ?? entry.target?.textContent?.trim().slice(0, 32) ?? "";
        const known = figures.inputs.find(({ id }) => id === entry.interactionId);
        if (known) known.took = Math.max(known.took, entry.duration);
        else figures.inputs.push({ id: entry.interactionId, kind: entry.name, on, took: entry.duration });
      }
    }).observe({ type: "event", buffered: true, durationThreshold: 16 } as PerformanceObserverInit);
  });
}

async function figures(page: Page): Promise<Figures> {
  // The observer hears of an event some time after it.
  await page.waitForTimeout(300);
  return page.evaluate(() => (globalThis as unknown as { figures: Figures }).figures);
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
    await hopscope.send("198.51.100.7", "svc/default/echo-service:80");
    await page.getByRole("button", { name: "Run 100" }).click();
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByRole("button", { name: "End comparison" }).click();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("show rules");
    await page.keyboard.press("Enter");
    await page.getByRole("searchbox", { name: "Search rules" }).fill("");
    await page.keyboard.type("dnat");
    await page.getByRole("searchbox", { name: "Search rules" }).fill("");
  }
  const { shift, inputs } = await figures(page);
  const times = inputs.map(({ took }) => took);
  console.log(`  usable after ${usable} ms; layout shift ${shift.toFixed(3)}`);
  console.log(`  input to frame, ${times.length} interactions of 16 ms and more: ${told(times)}`);
  for (const { kind, on, took } of inputs.toSorted((a, b) => b.took - a.took).slice(0, 6)) {
    console.log(`    ${took} ms  ${kind} on ${on}`);
  }
  expect(shift, "nothing moves by itself").toBeLessThan(0.001);
  expect(at(times, 0.95), "input to frame, 95th percentile, in ms").toBeLessThan(INPUT);
});

test("a drag", async ({ page }) => {
  await observe(page);
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await hopscope.dock.getByRole("tab", { name: "Trace" }).waitFor();
  await page.waitForTimeout(1000);
  // From the handler of the pointer's event to the next frame, and from letting go to the new picture.
  await page.evaluate(() => {
    const drag = { moves: [] as number[], drops: [] as number[] };
    (globalThis as unknown as { drag: typeof drag }).drag = drag;
    const painted = (into: number[]) => (event: Event) => {
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => into.push(performance.now() - event.timeStamp);
        channel.port2.postMessage(null);
      });
    };
    document.addEventListener("pointermove", painted(drag.moves), { capture: true, passive: true });
    document.addEventListener("pointerup", painted(drag.drops), { capture: true, passive: true });
  });
  for (let round = 0; round < 10; round++) {
    const pool = hopscope.pool(round % 2 ? "pool-1" : "system");
    await hopscope.drag(hopscope.node("aks-pool-1-27255451-0"), pool);
    // The hand is not still over the pool either.
    const { x, y } = await hopscope.handle(pool);
    for (let step = 1; step <= 12; step++) {
      await page.mouse.move(x + step, y + step / 2);
      await page.waitForTimeout(16);
    }
    await page.mouse.up();
    await page.waitForTimeout(450);
  }
  const { moves, drops } = await page.evaluate(() => (globalThis as unknown as { drag: { moves: number[]; drops: number[] } }).drag);
  const { shift, shifted } = await figures(page);
  console.log(`  pointer moved while dragging, to the next paint, ${moves.length}: ${told(moves)}`);
  console.log(`  dropped, to the paint of the new cluster, ${drops.length}: ${told(drops)}; frame ${FRAME.toFixed(1)} ms`);
  console.log(`  layout shift ${shift.toFixed(3)} ${[...new Set(shifted)].join(", ")}`);
  expect(shift, "nothing moves by itself").toBeLessThan(0.001);
  // To wait for the next frame takes up to one by itself.
  expect(at(moves, 0.95), "pointer to paint, 95th percentile, in ms").toBeLessThan(2 * FRAME);
});
