import { defineConfig } from "@playwright/test";
import { address, launchOptions, out } from "./playwright.base.ts";

/** Measures the served page; figures are printed, and held to the budgets of the design. */
export default defineConfig({
  testDir: "bench",
  outputDir: `${out}/bench`,
  reporter: "list",
  workers: 1,
  timeout: 180_000,
  use: {
    baseURL: address,
    launchOptions,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
  },
});
