import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { address, out } from "../playwright.base.ts";

/** Each recipe: the tool that builds it, where it wants `embed/`, how it is built, and where the built site is. */
const RECIPES = [
  { name: "hugo", tool: ["hugo", "version"], embed: "static/hopscope/embed", build: (url: string) => ["hugo", "--quiet", "--baseURL", url], built: "public", page: "" },
  { name: "mdbook", tool: ["mdbook", "--version"], embed: "src/hopscope/embed", build: () => ["mdbook", "build"], built: "book", page: "figure.html" },
];

for (const { name, tool, embed, build, built, page: file } of RECIPES) {
  test(`the recipe for ${name} shows its figure`, async ({ page }) => {
    const [program, ...version] = tool;
    let there = true;
    try {
      execFileSync(program, version, { stdio: "ignore" });
    } catch {
      there = false;
    }
    test.skip(!there, `${name} is not on this machine`);
    const folder = join(out, "foreign", `recipe-${name}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    cpSync(join(import.meta.dirname, "../../../recipes", name), folder, { recursive: true });
    cpSync(join(out, "site", "embed"), join(folder, embed), { recursive: true });
    const url = new URL(`../foreign/recipe-${name}/${built}/`, address).href;
    const [command, ...rest] = build(url);
    execFileSync(command, rest, { cwd: folder });
    await page.goto(url + file);
    const figure = page.locator("hop-scope");
    await figure.scrollIntoViewIfNeeded();
    await expect(figure.getByRole("heading", { name: /Why does port 80 answer/ })).toBeVisible({ timeout: 30_000 });
  });
}
