import { readFileSync } from "node:fs";
import { expect, test } from "../test.ts";

const folder = new URL("../../scenarios/questions/", import.meta.url);
const CLUSTER = [
  "common/overlay.yaml", "common/nodes.yaml", "common/pods.yaml", "common/web.yaml", "common/ingress-nginx.yaml",
  "probe-http-root-404/shop.yaml", "probe-http-root-404/healthz.yaml",
].map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n---\n");

test("a request has a host and a path, which the cluster offers, and a link keeps them", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Open…" }).click();
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await dialog.getByRole("textbox", { name: "Or paste" }).fill(CLUSTER);
  await dialog.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(hopscope.node("n0")).toBeVisible();
  if (await dialog.isVisible()) await page.keyboard.press("Escape");

  const flow = page.getByRole("form", { name: "Flow" });
  await flow.getByRole("combobox", { name: "Protocol" }).selectOption("HTTP");
  await flow.getByRole("combobox", { name: "Host" }).focus();
  await expect(page.locator("datalist#hosts option").first()).toBeAttached();
  const offered = await page.locator("datalist#hosts option").evaluateAll((all: HTMLOptionElement[]) => all.map(({ value }) => value));
  expect(offered).toContain("shop.example.com");
  await flow.getByRole("combobox", { name: "Host" }).fill("shop.example.com");
  await hopscope.send("203.0.113.9", "20.50.60.80:80");
  await expect(hopscope.verdict).toContainText("10.244.2.20");
  await expect(hopscope.panel).toContainText("Ingress default/shop, host shop.example.com, path / (Prefix)");

  await flow.getByRole("combobox", { name: "Path" }).fill("api");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("alert").filter({ hasText: "begins with a slash" })).toBeVisible();
  await flow.getByRole("combobox", { name: "Path" }).fill("/api");
  await flow.getByRole("combobox", { name: "Host" }).fill("other.example.com");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(hopscope.verdict).toContainText("no-ingress-rule");

  await page.getByRole("button", { name: "Share…" }).click();
  const link = await page.getByRole("dialog").locator("pre").innerText();
  await page.goto("about:blank");
  await page.goto(link);
  await expect(hopscope.verdict).toContainText("no-ingress-rule", { timeout: 30_000 });
  await expect(flow.getByRole("combobox", { name: "Host" })).toHaveValue("other.example.com");
});
