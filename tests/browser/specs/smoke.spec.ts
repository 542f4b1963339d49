import { expect, listen, test } from "../test.ts";

test("the page loads, with its title and nothing on the console", async ({ hopscope }) => {
  await expect(hopscope.page).toHaveTitle(/Hopscope/);
  await expect(hopscope.main).toBeVisible();
  // A preload that nothing used is reported some seconds after the load.
  await hopscope.page.waitForTimeout(5_000);
});

test("the served page holds no inline script, and its policy allows none", async ({ page, request }) => {
  const html = await (await request.get("./")).text();
  expect(html).toContain("script-src 'self' 'wasm-unsafe-eval'");
  const scripts = [...html.matchAll(/<script\b([^>]*)>([^<]*)/g)];
  expect(scripts.length).toBeGreaterThan(0);
  for (const [, attributes, body] of scripts) {
    expect(attributes).toContain("src=");
    expect(body.trim()).toBe("");
  }

  await page.goto("./");
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.documentElement.dataset.inline = 'ran'";
    document.head.append(script);
    return document.documentElement.dataset.inline;
  });
  expect(ran).toBeUndefined();
});

test("a page that cannot start says so", async ({ page }) => {
  const messages = listen(page);
  await page.route(/\.wasm$/, (route) => route.abort());
  await page.goto("./");
  await expect(page.getByRole("alert")).toContainText("Hopscope could not start");
  expect(messages.length).toBeGreaterThan(0);
});
