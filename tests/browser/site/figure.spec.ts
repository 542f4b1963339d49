import { readFileSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { expectNoConsole, listen } from "../test.ts";
import { foreign, pageWith } from "./foreign.ts";

test("two figures on a foreign page with a strict policy share one engine", async ({ page }) => {
  const messages = listen(page);
  const wasm: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith(".wasm")) wasm.push(request.url());
  });
  await page.goto(foreign("two"));
  await expect(page.locator("#web svg")).toBeVisible({ timeout: 30_000 });
  await page.locator("#lesson").scrollIntoViewIfNeeded();
  await expect(page.locator("#lesson").getByRole("heading", { name: /Why does port 80 answer/ })).toBeVisible();
  expect(wasm).toHaveLength(1);
  await expect(page.getByRole("heading", { name: "A page of one's own" })).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
  expectNoConsole(messages);
});

test("its picture has colours, in either theme", async ({ page }) => {
  await page.goto(foreign("themes", { "t.html": pageWith('<hop-scope lesson="port-80" view="picture" theme="dark"></hop-scope>') }) + "t.html");
  const fill = () => page.locator("hop-scope svg > rect").first().evaluate((rect) => getComputedStyle(rect).fill);
  await expect(page.locator("hop-scope svg")).toBeVisible({ timeout: 30_000 });
  const dark = await fill();
  await page.locator("hop-scope").evaluate((figure) => figure.setAttribute("theme", "light"));
  await expect.poll(fill).not.toBe(dark);
  expect(await fill()).toBe("rgb(246, 247, 249)");
});

test("the controls change view and policy, and tell of it", async ({ page }) => {
  await page.goto(foreign("controls"));
  const figure = page.locator("#web");
  await expect(figure.locator("svg")).toBeVisible({ timeout: 30_000 });
  await page.evaluate(() => {
    globalThis.told = [];
    for (const what of ["edit", "trace"]) document.addEventListener(`hopscope:${what}`, () => globalThis.told.push(what));
  });
  await figure.getByRole("button", { name: "Shares" }).click();
  await expect(figure.getByRole("row", { name: /default\/web-a 50\.0 %/ })).toBeVisible();
  await figure.getByRole("button", { name: "Trace" }).click();
  await expect(figure.getByText("KUBE-SEP").first()).toBeAttached();
  await expect(figure.getByText(/16\.7 %|33\.3 %|50\.0 % delivered/).first()).toBeVisible();
  await figure.getByLabel("externalTrafficPolicy").selectOption("Local");
  await expect(figure.getByText(/source seen 198\.51\.100\.7/).first()).toBeVisible();
  expect(await page.evaluate(() => globalThis.told)).toContain("edit");
  expect(await page.evaluate(() => globalThis.told)).toContain("trace");
  const pods = await figure.evaluate((element) => element.cluster.paths(element.flow).outcomes.length);
  expect(pods).toBe(2);
});

test("a lesson done wrong is told what is right, and done right leads on", async ({ page }) => {
  await page.goto(foreign("lesson"));
  const figure = page.locator("#lesson");
  await figure.scrollIntoViewIfNeeded();
  await figure.getByLabel("NodeIP:80").check({ timeout: 30_000 });
  await figure.getByRole("button", { name: "Check" }).click();
  await expect(figure.getByText(/^Not quite\. It is: 20\.50\.60\.70:80/)).toBeVisible();
  await figure.getByLabel(/^20\.50\.60\.70:80, as the client wrote it/).check();
  await figure.getByRole("button", { name: "Check" }).click();
  await expect(figure.getByText("Right.", { exact: true })).toBeVisible();
  await figure.getByRole("button", { name: "Next" }).click();
  await figure.getByLabel(/straight to a pod/).check();
  await figure.getByRole("button", { name: "Check" }).click();
  await figure.getByRole("button", { name: "Next" }).click();
  await figure.getByLabel(/^Refused/).check();
  await figure.getByRole("button", { name: "Check" }).click();
  await figure.getByRole("button", { name: "Try this: Turn floating IP off" }).click();
  await figure.getByLabel("NodeIP:NodePort").check();
  await figure.getByRole("button", { name: "Check" }).click();
  await expect(figure.getByText("Right.", { exact: true })).toBeVisible();
  await expect(figure.getByRole("heading", { name: "What people say" })).toBeVisible();
});

test("the fallback stands where no script runs", async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(foreign("noscript"));
  await expect(page.getByText("Half of the connections go to each of two pods.")).toBeVisible();
  await context.close();
});

const HOSTILE = `apiVersion: v1
kind: Node
metadata: { name: "<img src=x onerror=window.hacked=1>" }
status: { addresses: [{ type: InternalIP, address: 10.224.0.4 }] }
`;

for (const [what, figure, message] of [
  ["an unknown lesson", '<hop-scope lesson="none">Instead.</hop-scope>', "There is no lesson “none”."],
  ["a lesson that is a path", '<hop-scope lesson="../../x">Instead.</hop-scope>', "There is no lesson “../../x”."],
  ["a cluster that is not there", '<hop-scope cluster="none.yaml">Instead.</hop-scope>', "none.yaml could not be fetched: the host answered 404."],
  ["neither", "<hop-scope>Instead.</hop-scope>", "This figure names neither a cluster nor a lesson."],
  ["a broken file", '<hop-scope cluster="broken.yaml">Instead.</hop-scope>', /broken\.yaml:\d: error/],
  ["a flow that is none", '<hop-scope cluster="web.yaml" flow="x">Instead.</hop-scope>', /is not a flow/],
  ["a huge file", '<hop-scope cluster="huge.yaml">Instead.</hop-scope>', /huge\.yaml is too large for a figure/],
] as const) {
  test(`${what}: a readable message in place of the figure, the page untouched`, async ({ page }) => {
    const files = { "t.html": pageWith(figure), "broken.yaml": "kind: [", "huge.yaml": `# ${"x".repeat(5 * 1024 * 1024)}` };
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    const url = foreign(`bad-${what.replaceAll(" ", "-")}`, files);
    await page.addInitScript(() => {
      // The window of the empty page before may be kept, and with it its listeners.
      if (globalThis.told) return;
      globalThis.told = [];
      addEventListener("hopscope:error", (event) => globalThis.told.push((event as CustomEvent).detail.message));
    });
    await page.goto(`${url}t.html`);
    await expect(page.getByRole("alert")).toHaveText(message, { timeout: 30_000 });
    await expect(page.getByText("Instead.")).toBeVisible();
    await expect(page.getByRole("heading", { name: "Around it" })).toBeVisible();
    expect(await page.evaluate(() => globalThis.told)).toHaveLength(1);
    expect(errors).toEqual([]);
  });
}

test("markup in a cluster's names is text", async ({ page }) => {
  const files = { "t.html": pageWith('<hop-scope cluster="hostile.yaml"></hop-scope>'), "hostile.yaml": HOSTILE };
  await page.goto(`${foreign("hostile", files)}t.html`);
  await expect(page.locator("hop-scope svg, hop-scope [role=alert]").first()).toBeVisible({ timeout: 30_000 });
  expect(await page.evaluate(() => "hacked" in globalThis)).toBe(false);
  await expect(page.locator("hop-scope img")).toHaveCount(0);
});

test("the frame tells its height", async ({ page }) => {
  const host = `<!doctype html><html lang="en"><title>A host</title><link rel="icon" href="data:,"><body>
<iframe id="f" src="../embed/frame.html?lesson=port-80&id=f" title="A figure" width="700" height="50"></iframe>
<script>
  addEventListener("message", ({ source, data }) => {
    const frame = document.getElementById(data?.id);
    if (data?.source !== "hopscope" || frame?.contentWindow !== source) return;
    if (data.type === "height") frame.style.height = data.height + "px";
  });
</script></body></html>`;
  const messages = listen(page);
  await page.goto(`${foreign("frame", { "host.html": host })}host.html`);
  const frame = page.frameLocator("#f");
  await expect(frame.getByRole("heading", { name: /Why does port 80 answer/ })).toBeVisible({ timeout: 30_000 });
  await expect.poll(async () => (await page.locator("#f").boundingBox())?.height ?? 0).toBeGreaterThan(200);
  expectNoConsole(messages);
});

test("the example of the package's README runs in a browser and prints what it says", async ({ page }) => {
  const [, example] = readFileSync(join(import.meta.dirname, "../../../packages/core/README.md"), "utf8").match(/```js\n([\s\S]*?)```/) ?? [];
  const html = `<!doctype html><html lang="en"><title>x</title><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "@hopscope/core": "../embed/index.js" } }</script>
<body><script type="module" src="example.js"></script></body></html>`;
  const expected = [...example.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line);
  const printed: string[] = [];
  page.on("console", (message) => printed.push(message.text()));
  await page.goto(`${foreign("example", { "example.js": example, "t.html": html })}t.html`);
  await expect.poll(() => printed, { timeout: 30_000 }).toEqual(expected);
});

test("every attribute does what it says, and every event is told", async ({ page }) => {
  const figure = '<hop-scope cluster="web.yaml" flow="198.51.100.7 -> svc/default/web:80" view="shares" height="300"></hop-scope>';
  await page.addInitScript(() => {
    globalThis.told ??= [];
    for (const what of ["ready", "edit", "trace", "error"]) addEventListener(`hopscope:${what}`, () => globalThis.told.push(what));
  });
  await page.goto(`${foreign("attributes", { "t.html": pageWith(figure) })}t.html`);
  const element = page.locator("hop-scope");
  const set = (name: string, value: string) => element.evaluate((element, [name, value]) => element.setAttribute(name, value), [name, value]);
  const told = () => page.evaluate(() => globalThis.told.splice(0));
  await expect(element.getByRole("row", { name: /default\/web-a 50\.0 %/ })).toBeVisible({ timeout: 30_000 });
  expect(await told()).toEqual(["trace", "ready"]);
  expect((await element.boundingBox())?.height).toBe(300);
  await set("height", "20em");
  expect((await element.boundingBox())?.height).toBe(320);
  await set("view", "trace");
  await expect(element.getByText(/50\.0 % delivered/).first()).toBeVisible();
  await set("flow", "pod/default/web-a -> svc/default/web:80");
  await expect(element.getByText(/source seen 10\.244\./).first()).toBeVisible();
  await set("view", "picture");
  await expect(element.locator("svg")).toBeVisible();
  await set("controls", "");
  await expect(element.getByRole("group", { name: "Figure" })).toBeVisible();
  expect(new Set(await told())).toEqual(new Set(["trace"]));
  await element.evaluate((element) => element.apply({ edit: "setPodReady", pod: "default/web-a", ready: false }));
  expect(await told()).toEqual(["trace", "edit"]);
  await set("flow", "nonsense");
  await expect(element.getByRole("alert")).toHaveText(/is not a flow/);
  expect(await told()).toEqual(["error"]);
  await set("lesson", "outbound");
  await expect(element.getByRole("alert")).toBeHidden();
});
