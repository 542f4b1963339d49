import type { Hopscope } from "../hopscope.ts";
import { expect, expectAccessible, test } from "../test.ts";

const SERVICE = "echo-service";
const POLICY = "External traffic policy";

/** Opens the selected object's YAML as a field. */
async function edit(hopscope: Hopscope): Promise<void> {
  await hopscope.page.getByText("YAML", { exact: true }).click();
  await hopscope.page.getByRole("button", { name: "Edit", exact: true }).click();
}

test("the history lists what was done, and each line leads there", async ({ hopscope, page }) => {
  await hopscope.choose(POLICY, "Cluster");
  await hopscope.choose("Session affinity", "Client IP");
  await page.getByRole("button", { name: "History" }).click();
  const dialog = page.getByRole("dialog", { name: "History" });
  await expect(dialog.getByRole("listitem")).toHaveText([
    "As it was opened first",
    /^Set external traffic policy of echo-service to Cluster/,
    /^Set session affinity of echo-service to Client IP\s*you are here$/,
  ]);
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "As it was opened first" }).click();
  await expect(dialog.getByRole("button", { name: /^As it was opened first/ })).toHaveAttribute("aria-current", "step");
  await dialog.getByRole("button", { name: /to Cluster/ }).click();
  await page.keyboard.press("Escape");
  await expect(hopscope.switch(POLICY).getByRole("radio", { name: "Cluster" })).toBeChecked();
  await expect(hopscope.switch("Session affinity").getByRole("radio", { name: "None" })).toBeChecked();
  await page.keyboard.press("Control+y");
  await expect(hopscope.switch("Session affinity").getByRole("radio", { name: "Client IP" })).toBeChecked();
});

test("every command is found by name, and done by Enter", async ({ hopscope, page }) => {
  await page.keyboard.press("Control+k");
  const dialog = page.getByRole("dialog", { name: "Commands" });
  const field = dialog.getByRole("combobox", { name: "Find a command" });
  await expect(field).toBeFocused();
  await expectAccessible(page);
  await field.fill("set policy cluster");
  await expect(dialog.getByRole("option")).toHaveText(["Set external traffic policy of echo-service to Cluster"]);
  await page.keyboard.press("Enter");
  await expect(dialog).toHaveCount(0);
  await expect(hopscope.switch(POLICY).getByRole("radio", { name: "Cluster" })).toBeChecked();

  await page.keyboard.press("Control+k");
  await field.fill("show");
  await page.keyboard.press("ArrowDown");
  await expect(dialog.getByRole("option").nth(1)).toHaveAttribute("aria-selected", "true");
  await field.fill("zzz");
  await expect(dialog).toContainText("Nothing is called so.");
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
});

test("an object's YAML is edited in place; what is wrong is shown at its line", async ({ hopscope, page }) => {
  await hopscope.select(SERVICE);
  await edit(hopscope);
  const field = page.getByRole("textbox", { name: "Document" });
  const good = await field.inputValue();
  expect(good).toContain("kind: Service");
  const line = good.split("\n").findIndex((text) => text.includes("externalTrafficPolicy")) + 1;
  expect(line).toBeGreaterThan(1);

  await field.fill(good.replace("externalTrafficPolicy: Local", "externalTrafficPolicy: Lokal"));
  await page.getByRole("button", { name: "Apply" }).click();
  const report = page.getByTestId("diagnostics");
  await expect(report).toContainText(`this text:${line}`);
  await expect(report).toContainText("Not applied: nothing has changed.");
  await expect(report).toContainText("Lokal");
  await report.getByRole("button", { name: "Show me" }).first().click();
  await expect(field).toBeFocused();
  expect(await field.evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd))).toContain("Lokal");
  await expectAccessible(page);
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();

  await field.fill(good.replace("externalTrafficPolicy: Local", "externalTrafficPolicy: Cluster"));
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(hopscope.switch(POLICY).getByRole("radio", { name: "Cluster" })).toBeChecked();
  await expect(page.getByRole("button", { name: "Undo" })).toHaveAttribute("title", "Undo: Edit Service echo-service");
});

test("another name in the YAML renames the object", async ({ hopscope, page }) => {
  await hopscope.select(SERVICE);
  await edit(hopscope);
  const field = page.getByRole("textbox", { name: "Document" });
  await field.fill((await field.inputValue()).replace(/name: echo-service\n/, "name: renamed\n"));
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByRole("combobox", { name: "Selected object" }).getByRole("option", { selected: true })).toHaveText("renamed");
  await expect(page.getByRole("button", { name: "Undo" })).toHaveAttribute("title", /Rename Service echo-service to renamed/);
});

test("objects are added, duplicated and deleted", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Add an object" }).click();
  const dialog = page.getByRole("dialog", { name: "Add an object" });
  await dialog.getByRole("radio", { name: "Pod" }).click();
  await expect(dialog.getByRole("textbox", { name: "Document" })).toHaveValue(/kind: Pod/);
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Apply" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(hopscope.main.getByRole("button", { name: /^Pod default\/web-1,/ })).toBeVisible();

  await page.getByRole("button", { name: "Duplicate" }).click();
  await expect(hopscope.main.getByRole("button", { name: /^Pod default\/web-2,/ })).toBeVisible();
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(hopscope.main.getByRole("button", { name: /^Pod default\/web-1,/ })).toHaveCount(0);
  await page.keyboard.press("Control+z");
  await expect(hopscope.main.getByRole("button", { name: /^Pod default\/web-1,/ })).toBeVisible();
});

test("a flow is built by choosing two things", async ({ hopscope, page }) => {
  await hopscope.select("aks-pool-1-27255451-0");
  await page.getByRole("button", { name: "Send from here" }).click();
  await expect(page.getByRole("combobox", { name: "From", exact: true })).toHaveValue("node/aks-pool-1-27255451-0");
  await hopscope.pod("58mz5").click();
  await page.getByRole("button", { name: "Send here" }).click();
  await expect(page.getByRole("combobox", { name: "To", exact: true })).toHaveValue(/^pod\/default\/\S+-58mz5:8080$/);
  await expect(hopscope.verdict).toContainText("delivered");
});

test("a watched flow that gets worse stands out, with the cause", async ({ hopscope, page }) => {
  await hopscope.send("10.224.0.200", "svc/default/echo-service:80");
  await page.getByRole("button", { name: "Watch the drawn flow" }).click();
  await expect(page.getByRole("button", { name: "Watch the drawn flow" })).toHaveCount(0);
  await hopscope.select("echo-deployment-78dc57c76d-58mz5");
  await hopscope.choose("Readiness", "Not ready");
  const flow = hopscope.watched.getByRole("listitem").filter({ hasText: "internet → echo-service" });
  await expect(flow).toContainText("Worse: was 100 / 0 / 0");
  await expect(hopscope.announcer).toContainText("worse than before");
  await expectAccessible(page);
  await hopscope.choose("Readiness", "Ready");
  await expect(flow).toContainText("Better");
  const before = await hopscope.watched.getByRole("listitem").count();
  await page.getByRole("button", { name: "Stop watching 10.224.0.200 → echo-service" }).click();
  await expect(hopscope.watched.getByRole("listitem")).toHaveCount(before - 1);
});

test("shares are told by node and pool, too", async ({ hopscope, page }) => {
  await hopscope.choose(POLICY, "Cluster");
  await hopscope.open("Shares");
  const by = async (grouping: string): Promise<(string | undefined)[][]> => {
    await page.getByRole("radiogroup", { name: "Rows" }).getByRole("radio", { name: grouping, exact: true }).click();
    return (await hopscope.rows("Delivered")).map((cells) => [cells[0], cells[1], cells[3]]);
  };
  expect(await by("Node")).toEqual([
    ["aks-pool-1-27255451-0", "2", "66.7 % (2/3)"],
    ["aks-system-27255451-0", "1", "33.3 % (1/3)"],
  ]);
  expect(await by("Node pool")).toEqual([
    ["pool-1", "2", "66.7 % (2/3)"],
    ["system", "1", "33.3 % (1/3)"],
  ]);
  expect(await by("Zone")).toEqual([["no zone", "3", "100 %"]]);
});

test("two variants stand side by side, and their differences are marked", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Compare" }).click();
  const a = page.getByRole("region", { name: "Variant A", exact: true });
  const b = page.getByRole("region", { name: "Variant B", exact: true });
  await expect(a).toContainText("33.3 / 33.3 / 33.3");
  await expect(b).toContainText("100 / 0 / 0");
  await expect(hopscope.main).toContainText("this flow ends otherwise");
  await expect(b.locator(".differs").first()).toBeVisible();
  await expectAccessible(page);
  // Both pictures zoom as one.
  const box = async (part: typeof a): Promise<string | null> => part.locator("svg.hop.canvas-svg").getAttribute("viewBox");
  const before = [await box(a), await box(b)];
  await b.getByRole("button", { name: "Zoom in (+)" }).click();
  await expect.poll(() => box(a)).not.toBe(before[0]);
  await expect.poll(() => box(b)).not.toBe(before[1]);

  await hopscope.choose(POLICY, "Cluster");
  await expect(hopscope.main).toContainText("Both are the same cluster");
  await page.getByRole("radio", { name: "As it was opened" }).click();
  await page.getByRole("button", { name: "Take A over" }).click();
  await expect(hopscope.switch(POLICY).getByRole("radio", { name: "Local" })).toBeChecked();
  await page.getByRole("button", { name: "End comparison" }).click();
  await expect(a).toHaveCount(0);
});
