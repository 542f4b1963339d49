import { readFile } from "node:fs/promises";
import { expect, expectAccessible, test } from "../test.ts";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

const clipboard = (): Promise<string> => navigator.clipboard.readText();

test("a link leads to the same cluster and flow", async ({ hopscope, page, context }) => {
  await hopscope.choose("External traffic policy", "Cluster");
  await hopscope.send("node/aks-pool-1-27255451-0", "svc/default/echo-service:80");
  await page.getByRole("button", { name: "Share…" }).click();
  const dialog = page.getByRole("dialog", { name: "Share and export" });
  await expect(dialog.getByLabel("What will be copied or saved")).toContainText("#v1.");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Copy link" }).click();
  await expect(page.getByRole("alert")).toContainText("Link copied. It holds the whole cluster and the flow; nothing was sent.");
  const link = await page.evaluate(clipboard);
  expect(link.length).toBeLessThan(2_000);

  const other = await context.newPage();
  await other.goto(link);
  await expect(other.getByRole("radiogroup", { name: "External traffic policy" }).getByRole("radio", { name: "Cluster" })).toBeChecked();
  await expect(other.getByRole("combobox", { name: "From", exact: true })).toHaveValue("node/aks-pool-1-27255451-0");
});

for (const { name, hash, says } of [
  { name: "damaged", hash: "#v1.AAAA", says: "this link is damaged; was it copied whole?" },
  { name: "too new", hash: "#v99.AAAA", says: "this link is of version v99" },
]) {
  test(`a link that is ${name} is refused in words`, async ({ hopscope, page }) => {
    // What is still being fetched would be broken off.
    await page.waitForLoadState("networkidle");
    await page.goto("about:blank");
    await hopscope.goto(hash);
    await expect(page.getByRole("alert")).toContainText("The link was not opened");
    await expect(page.getByRole("alert")).toContainText(says);
    await expect(hopscope.verdict).toContainText("delivered");
  });
}

const files = [
  { kind: "YAML", name: "cluster.yaml", holds: ["kind: Service", "kind: ManagedCluster", "---"] },
  { kind: "JSON", name: "cluster.json", holds: ['"kind": "List"'] },
  { kind: "Trace text", name: "trace.txt", holds: ["TCP 198.51.100.7 to svc/default/echo-service:80", "KUBE-SEP-"] },
  { kind: "Mermaid sequence", name: "flow.mmd", holds: ["sequenceDiagram"] },
  { kind: "Mermaid flowchart", name: "flow.mmd", holds: ["flowchart"] },
  { kind: "SVG", name: "hopscope.svg", holds: ["<svg", "aks-system-27255451-0"] },
];

for (const { kind, name, holds } of files) {
  test(`${kind} is saved as a file`, async ({ hopscope, page }) => {
    await expect(hopscope.main).toBeVisible();
    await page.getByRole("button", { name: "Share…" }).click();
    await page.getByRole("radio", { name: kind, exact: true }).click();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe(name);
    const text = await readFile(await file.path(), "utf8");
    for (const part of holds) expect(text).toContain(part);
    await expect(page.getByRole("alert")).toContainText(`Saved as ${name}.`);
  });
}

test("the picture is saved as PNG", async ({ hopscope, page }) => {
  await expect(hopscope.main).toBeVisible();
  await page.getByRole("button", { name: "Share…" }).click();
  await page.getByRole("radio", { name: "PNG", exact: true }).click();
  await expect(page.getByRole("img", { name: "The picture as it will be saved" })).toBeVisible();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const bytes = await readFile(await (await download).path());
  expect([...bytes.subarray(1, 4)].map((byte) => String.fromCharCode(byte)).join("")).toBe("PNG");
  expect(bytes.readUInt32BE(16)).toBeGreaterThan(1_000);
});

test("the trace is copied as text", async ({ hopscope, page }) => {
  await expect(hopscope.main).toBeVisible();
  await page.getByRole("button", { name: "Copy as text" }).click();
  await expect(page.getByRole("alert")).toContainText("The trace is on the clipboard");
  const text = await page.evaluate(clipboard);
  expect(text).toContain("--to-destination 10.244.0.11:8080");
  expect(text).toContain("Reply: delivered");
});

test("what was edited last is offered on the next visit, and is kept until then", async ({ hopscope, page }) => {
  await hopscope.choose("External traffic policy", "Cluster");
  await expect.poll(() => page.evaluate(() => localStorage.getItem("hopscope.last"))).toContain("v1.");
  await page.reload();
  const told = page.getByRole("alert");
  await expect(told).toContainText("Your cluster of the last visit is still here.");
  await expect(hopscope.switch("External traffic policy").getByRole("radio", { name: "Local" })).toBeChecked();
  await told.getByRole("button", { name: "Restore" }).click();
  await expect(hopscope.switch("External traffic policy").getByRole("radio", { name: "Cluster" })).toBeChecked();
  await page.reload();
  await told.getByRole("button", { name: "Dismiss" }).click();
  await page.reload();
  await expect(hopscope.main).toBeVisible();
  await expect(told).toBeEmpty();
});
