import { defineConfig } from "@playwright/test";
import { address, launchOptions, out } from "./playwright.base.ts";

/** Opens the page whose functions are marked, and writes down which ran. */
export default defineConfig({
  testDir: "startup",
  outputDir: `${out}/startup/results`,
  reporter: "list",
  workers: 1,
  use: { baseURL: address, launchOptions, locale: "en-GB", timezoneId: "UTC" },
});
