import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Page, expect, test } from "@playwright/test";
import { address, out } from "../playwright.base.ts";
import { expectNoConsole, listen } from "../test.ts";
import { foreign } from "./foreign.ts";

const recipes = join(import.meta.dirname, "../../../recipes");

/** A copy of a recipe with the figure's files in it. What the tool installed for an earlier run stays. */
function prepared(name: string, embed: string): { folder: string; url: string } {
  const folder = join(out, "foreign", `recipe-${name}`);
  mkdirSync(folder, { recursive: true });
  for (const entry of readdirSync(folder)) {
    if (entry !== "node_modules") rmSync(join(folder, entry), { recursive: true });
  }
  cpSync(join(recipes, name), folder, { recursive: true });
  cpSync(join(out, "site", "embed"), join(folder, embed), { recursive: true });
  return { folder, url: new URL(`../foreign/recipe-${name}/`, address).href };
}

function runs(...command: string[]): boolean {
  try {
    execFileSync(command[0], command.slice(1), { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function teaches(page: Page, url: string): Promise<void> {
  const messages = listen(page);
  await page.goto(url);
  const figure = page.locator("hop-scope");
  await figure.scrollIntoViewIfNeeded();
  await expect(figure.getByRole("heading", { name: /Why does port 80 answer/ })).toBeVisible({ timeout: 30_000 });
  expectNoConsole(messages);
}

test("the recipe for Hugo shows its figure", async ({ page }) => {
  test.skip(!runs("hugo", "version"), "hugo is not on this machine");
  const { folder, url } = prepared("hugo", "static/hopscope/embed");
  execFileSync("hugo", ["--quiet", "--baseURL", `${url}public/`], { cwd: folder });
  await teaches(page, `${url}public/`);
});

test("the recipe for mdBook shows its figure", async ({ page }) => {
  test.skip(!runs("mdbook", "--version"), "mdbook is not on this machine");
  const { folder, url } = prepared("mdbook", "src/hopscope/embed");
  execFileSync("mdbook", ["build"], { cwd: folder });
  await teaches(page, `${url}book/figure.html`);
});

test("the recipe for Docusaurus shows its figures, also where the reader comes by a link of the site", async ({ page }) => {
  test.setTimeout(600_000);
  const { folder, url } = prepared("docusaurus", "static/hopscope/embed");
  if (!existsSync(join(folder, "node_modules/@docusaurus/core"))) {
    const installed = runs("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", folder);
    test.skip(!installed, "Docusaurus could not be installed by npm");
  }
  const env = { ...process.env, BASE_URL: new URL(`${url}build/`).pathname, DOCUSAURUS_IGNORE_SSG_WARNINGS: "true" };
  execFileSync("npx", ["docusaurus", "build"], { cwd: folder, env, stdio: "pipe" });
  await teaches(page, `${url}build/`);
  await page.getByRole("link", { name: "A cluster of one's own" }).first().click();
  const figure = page.locator("hop-scope");
  await expect(figure.getByRole("row", { name: /default\/web-a 50\.0 %/ })).toBeVisible({ timeout: 30_000 });
});

test("the recipe without script is a picture", async ({ page }) => {
  const html = `<!doctype html><html lang="en"><title>x</title><link rel="icon" href="data:,"><body><img alt="" src="figure.svg"></body></html>`;
  const url = foreign("recipe-svg", { "t.html": html });
  cpSync(join(recipes, "svg", "figure.svg"), join(out, "foreign", "recipe-svg", "plain", "figure.svg"));
  await page.goto(`${url}t.html`);
  const size = await page.locator("img").evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight]);
  expect(Math.min(...size)).toBeGreaterThan(100);
});
