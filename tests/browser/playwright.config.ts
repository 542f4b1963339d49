import { defineConfig } from "@playwright/test";
import { address, launchOptions, out } from "./playwright.base.ts";

export default defineConfig({
  testDir: "specs",
  outputDir: `${out}/browser/results`,
  reporter: [["list"], ["json", { outputFile: `${out}/browser/report.json` }]],
  fullyParallel: true,
  workers: 2,
  // A test that passes only at the second try is a failing test.
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  use: {
    baseURL: address,
    launchOptions,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    reducedMotion: "reduce",
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
  },
});
