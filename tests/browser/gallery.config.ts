import { defineConfig } from "@playwright/test";
import { address, launchOptions, out } from "./playwright.base.ts";

const sizes = [
  { name: "wide", width: 1440, height: 900 },
  { name: "narrow", width: 390, height: 844 },
  { name: "smallest", width: 320, height: 640 },
];

export default defineConfig({
  testDir: "gallery",
  outputDir: `${out}/gallery/failed`,
  reporter: "list",
  fullyParallel: true,
  workers: 2,
  use: { baseURL: address, launchOptions, locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce" },
  projects: sizes.flatMap(({ name, width, height }) =>
    (["light", "dark"] as const).map((colorScheme) => ({
      name: `${name}-${colorScheme}`,
      use: { viewport: { width, height }, colorScheme },
    })),
  ),
});
