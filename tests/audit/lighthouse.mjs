// Lighthouse over the built page, with the machine's own Chromium: `npm run lighthouse`, after `cargo xtask serve` or
// `dist` has built it; HOPSCOPE_DIST names another folder, HOPSCOPE_URL a page that is served. Figures of a busy machine
// are figures of the machine.
import { resolve } from "node:path";
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";
import { host } from "./host.mjs";

const served = process.env.HOPSCOPE_URL
  ? { address: process.env.HOPSCOPE_URL, close: () => {} }
  : await host(resolve(process.env.HOPSCOPE_DIST ?? "../../dist"));
const { address } = served;
const wanted = { performance: 95, accessibility: 95, "best-practices": 95 };

const chrome = await launch({
  chromePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu"],
});
let failed = false;
try {
  for (const formFactor of ["desktop", "mobile"]) {
    const desktop = formFactor === "desktop";
    const result = await lighthouse(address, {
      port: chrome.port,
      onlyCategories: Object.keys(wanted),
      formFactor,
      screenEmulation: desktop
        ? { mobile: false, width: 1440, height: 900, deviceScaleFactor: 1 }
        : { mobile: true, width: 412, height: 823, deviceScaleFactor: 1.75 },
      // The presets of Lighthouse: a desk's line, and a slow phone's.
      throttling: desktop
        ? { rttMs: 40, throughputKbps: 10_240, cpuSlowdownMultiplier: 1 }
        : { rttMs: 150, throughputKbps: 1_638.4, cpuSlowdownMultiplier: 4 },
    });
    const { audits, categories } = result.lhr;
    for (const [name, least] of Object.entries(wanted)) {
      const score = Math.round((categories[name].score ?? 0) * 100);
      const low = score < least;
      failed ||= low;
      console.log(`${formFactor.padEnd(8)} ${name.padEnd(15)} ${score}${low ? `  (wanted: ${least})` : ""}`);
      if (!low) continue;
      for (const { id } of categories[name].auditRefs) {
        const { score, title, displayValue } = audits[id];
        if (score !== null && score < 0.9) console.log(`           ${title}${displayValue ? `: ${displayValue}` : ""}`);
      }
    }
    const shift = audits["cumulative-layout-shift"].displayValue;
    console.log(`${formFactor.padEnd(8)} first paint ${audits["first-contentful-paint"].displayValue}, largest ${audits["largest-contentful-paint"].displayValue}, blocked ${audits["total-blocking-time"].displayValue}, layout shift ${shift}`);
  }
} finally {
  await chrome.kill();
  served.close();
}
process.exitCode = failed ? 1 : 0;
