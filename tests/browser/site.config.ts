import { defineConfig } from "@playwright/test";
import base from "./playwright.config.ts";
import { out } from "./playwright.base.ts";

// What `cargo xtask dist` publishes: under a sub-path, offline, from a disk, and as figures on other pages.
export default defineConfig({
  ...base,
  testDir: "site",
  outputDir: `${out}/browser/site-results`,
  reporter: [["list"], ["json", { outputFile: `${out}/browser/site-report.json` }]],
  // The tests of one file share a copy of the site that they change.
  fullyParallel: false,
});
