import { type Browser, expect, test } from "@playwright/test";
import { Hopscope } from "../hopscope.ts";
import { address } from "../playwright.base.ts";
import { FRAME, at, told } from "./figures.ts";

/** Drops of a node on each build, the first one beside. */
const DROPS = 20;

/**
 * Milliseconds for which a person holds the node over the pool before letting go. The page uses them to find out what
 * the drop will do.
 */
const HOLD = 150;

/** A node of the user pool, its pool, and the pool that it is dropped on first. */
const CLUSTERS = [
  { preset: "caveat", node: "aks-pool-1-27255451-0", home: "pool-1", to: "system" },
  { preset: "two-nodes", node: "aks-worker-24031207-vmss000000", home: "worker", to: "system" },
  { preset: "production", node: "aks-apps-09764122-vmss000000", home: "apps", to: "system" },
];

/** Milliseconds of one drop: in the page's own code, and until the browser has painted what follows from it. */
interface Drop {
  script: number;
  painted: number;
  /** The chain of consequences told of this drop, and the node stood in its new pool, when the frame was made. */
  shown: boolean;
}

declare global {
  // eslint-disable-next-line no-var
  var drops: Drop[];
  // eslint-disable-next-line no-var
  var awaited: string;
}

async function opened(browser: Browser, url: string, preset: string): Promise<Hopscope> {
  const page = await browser.newPage({ baseURL: url, viewport: { width: 1440, height: 900 } });
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await page.getByRole("combobox", { name: "Example cluster" }).selectOption(preset);
  await hopscope.open("Changes");
  await page.waitForTimeout(1000);
  await page.evaluate(() => {
    globalThis.drops = [];
    document.addEventListener(
      "pointerup",
      ({ timeStamp }) => {
        requestAnimationFrame(() => {
          const chain = document.querySelector(".changes h3")?.textContent ?? "";
          const shown = chain.includes(globalThis.awaited) && document.querySelector(`[role="button"][aria-label*="${globalThis.awaited}"]`) !== null;
          const channel = new MessageChannel();
          channel.port1.onmessage = () => globalThis.drops.push({ script: 0, painted: performance.now() - timeStamp, shown });
          channel.port2.postMessage(null);
        });
      },
      { capture: true, passive: true },
    );
    // The browser tells of an event afterwards how long its handlers took.
    new PerformanceObserver((list) => {
      for (const event of list.getEntriesByName("pointerup") as PerformanceEventTiming[]) {
        const drop = globalThis.drops.at(-1);
        if (drop) drop.script = event.processingEnd - event.processingStart;
      }
    }).observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);
  });
  return hopscope;
}

/** Of many drops, how many frames of 60 Hz passed from letting go to the paint. */
function frames(drops: Drop[]): string {
  const counts = new Map<number, number>();
  for (const { painted } of drops) {
    const count = Math.ceil(painted / FRAME);
    counts.set(count, (counts.get(count) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b).map(([count, drops]) => `${drops} in ${count}`).join(", ");
}

/** HOPSCOPE_BEFORE is the address of another build; drops are made on both in turn. */
for (const { preset, node, home, to } of CLUSTERS) {
  test(`a node dropped in ${preset}`, async ({ browser }) => {
    const before = process.env.HOPSCOPE_BEFORE;
    const builds = [...(before ? [["before", before]] : []), ["now", address]] as [string, string][];
    const pages = await Promise.all(builds.map(([, url]) => opened(browser, url, preset)));
    for (let round = 0; round <= DROPS; round++) {
      const pool = round % 2 ? home : to;
      for (const hopscope of pages) {
        const { page } = hopscope;
        await page.bringToFront();
        await page.evaluate((pool) => (globalThis.awaited = pool), pool);
        await hopscope.drag(hopscope.node(node), hopscope.pool(pool));
        await page.waitForTimeout(HOLD);
        await page.mouse.up();
        await page.waitForTimeout(450);
      }
    }
    for (const [index, hopscope] of pages.entries()) {
      const drops = await hopscope.page.evaluate(() => globalThis.drops);
      const [first, ...rest] = drops;
      console.log(`  ${builds[index][0].padEnd(6)} to the paint ${told(rest.map(({ painted }) => painted))}; first ${first.painted.toFixed(1)} ms`);
      console.log(`         script ${told(rest.map(({ script }) => script))}; frames: ${frames(rest)}`);
      expect(drops.length, "drops").toBe(DROPS + 1);
      if (builds[index][0] !== "now") continue;
      expect(drops.filter(({ shown }) => !shown).length, "frames without the chain of consequences").toBe(0);
      // To wait for the next frame takes up to one by itself.
      expect(at(rest.map(({ painted }) => painted), 0.5), "to the paint, median, in ms").toBeLessThan(2 * FRAME);
    }
  });
}
