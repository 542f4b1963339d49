import type { LaunchOptions } from "@playwright/test";

/** Where the page is served: `cargo xtask` serves it and says so; by hand it is `cargo xtask serve`. */
export const address = process.env.HOPSCOPE_URL ?? "http://127.0.0.1:8080/";

/** Where results go: cargo's target directory. */
export const out = process.env.HOPSCOPE_OUT ?? "../../target";

/** The machine's own Chromium, quiet and without what a test does not need. */
export const launchOptions: LaunchOptions = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};
