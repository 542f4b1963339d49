import type { Page } from "@playwright/test";
import type { Hopscope } from "../hopscope.ts";
import { expect, expectAccessible, test } from "../test.ts";

const OUTBOUND = "aksOutboundBackendPool";
const POOL = "kubernetes";

/** Opens the cluster with two nodes and two backend pools. */
async function twoNodes(hopscope: Hopscope): Promise<void> {
  await hopscope.page.getByRole("combobox", { name: "Example cluster" }).selectOption({ label: "Two nodes, two backend pools, no Service at the load balancer yet" });
  await hopscope.open("Load balancer");
}

/** Nodes of each backend pool. */
async function pools(hopscope: Hopscope): Promise<Record<string, string[]>> {
  const rows = await hopscope.rows("Backend pools");
  return Object.fromEntries(rows.map(([pool, , , nodes]) => [pool, nodes === "none" ? [] : nodes.split(/\s+/)]));
}

function members(hopscope: Hopscope, pool: string) {
  return hopscope.panel.getByRole("group", { name: `Nodes of ${pool}`, exact: true });
}

const DRIFT = "Edited by hand: what differs from what the controllers want";

async function drift(hopscope: Hopscope): Promise<string[][]> {
  return hopscope.rows(DRIFT);
}

async function expectNoDrift(hopscope: Hopscope): Promise<void> {
  await expect(hopscope.panel.getByRole("table", { name: DRIFT })).toHaveCount(0);
}

test("a NIC is dragged out of a backend pool; that is drift, and Reconcile puts it back", async ({ hopscope, page }) => {
  await twoNodes(hopscope);
  const before = await pools(hopscope);
  const [node] = before[POOL];
  expect(before[OUTBOUND]).toContain(node);
  await members(hopscope, POOL).getByRole("button", { name: node }).dragTo(members(hopscope, OUTBOUND));
  // The other pool has the node already: it only leaves this one.
  await expect(members(hopscope, POOL).getByRole("button", { name: node })).toHaveCount(0);
  await expect(hopscope.announcer).toContainText(`Move NIC of ${node} from ${POOL} to ${OUTBOUND}`);
  const rows = await drift(hopscope);
  expect(rows).toHaveLength(1);
  expect(rows[0].slice(0, 4)).toEqual(["member", `${POOL}/${node}`, "missing", "put back"]);
  await hopscope.panel.getByText("What makes it reconcile", { exact: true }).click();
  await expect(hopscope.panel.getByRole("listitem").filter({ hasText: /reconciles/ }).first()).toBeVisible();
  await expectAccessible(page);

  await hopscope.panel.getByRole("button", { name: `Reconcile ${POOL}` }).click();
  await expectNoDrift(hopscope);
  expect(await pools(hopscope)).toEqual(before);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(hopscope.panel.getByRole("table", { name: DRIFT })).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expectNoDrift(hopscope);
  expect(await pools(hopscope)).toEqual(before);
});

test("a NIC is moved by the keyboard alone", async ({ hopscope, page }) => {
  await twoNodes(hopscope);
  const before = await pools(hopscope);
  const node = before[OUTBOUND][0];
  const chip = members(hopscope, OUTBOUND).getByRole("button", { name: node, exact: true });
  await chip.focus();
  await page.keyboard.press("Enter");
  await expect(chip).toHaveAttribute("aria-expanded", "true");
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(chip).toHaveAttribute("aria-expanded", "false");
  await chip.focus();
  await page.keyboard.press("Enter");
  const ways = hopscope.panel.getByRole("group", { name: `NIC of ${node}` });
  const out = ways.getByRole("button", { name: `Take out of ${OUTBOUND}` });
  for (let press = 0; press < 20 && !(await out.evaluate((button) => button === document.activeElement)); press++) {
    await page.keyboard.press("Tab");
  }
  await expect(out).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(members(hopscope, OUTBOUND).getByRole("button", { name: node })).toHaveCount(0);
  // The focus stays where the member was.
  await expect(members(hopscope, OUTBOUND)).toBeFocused();
  expect((await drift(hopscope)).map((row) => row.slice(0, 4))).toEqual([
    ["member", `${OUTBOUND}/${node}`, "missing", expect.stringMatching(/put back/)],
  ]);
  await page.keyboard.press("Control+z");
  await expectNoDrift(hopscope);
  expect(await pools(hopscope)).toEqual(before);
});

test("a rule and a probe are deleted by hand, and come back", async ({ hopscope, page }) => {
  await hopscope.open("Load balancer");
  const [[rule]] = await hopscope.rows("Load-balancing rules");
  const [[probe]] = await hopscope.rows("Probes");
  await hopscope.panel.getByRole("button", { name: `Delete probe ${probe}` }).click();
  await expect(hopscope.panel.getByRole("button", { name: `Delete probe ${probe}` })).toHaveCount(0);
  // Azure deletes no probe that a rule uses: the rule gives it up first.
  expect((await drift(hopscope)).map((row) => row.slice(0, 2)).sort()).toEqual([["probe", probe], ["rule", rule]]);
  await hopscope.panel.getByRole("button", { name: `Delete rule ${rule}` }).click();
  await expect(hopscope.panel).toContainText("No rule: nothing comes in.");
  await hopscope.open("Trace");
  await expect(hopscope.verdict).not.toContainText("delivered");
  await hopscope.open("Load balancer");
  await hopscope.panel.getByRole("button", { name: /^Reconcile/ }).click();
  await expectNoDrift(hopscope);
  expect((await hopscope.rows("Load-balancing rules")).map(([name]) => name)).toEqual([rule]);
  await expectAccessible(page);
  await hopscope.open("Trace");
  await expect(hopscope.verdict).toContainText("delivered");
});

async function editedDocument(page: Page, change: (text: string) => string): Promise<void> {
  await page.getByRole("button", { name: "Edit", exact: true }).last().click();
  const field = page.getByRole("textbox", { name: "Document" });
  const text = await field.inputValue();
  expect(change(text)).not.toBe(text);
  await field.fill(change(text));
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(field).toHaveCount(0);
}

test("outbound rules and security rules are edited as documents", async ({ hopscope, page }) => {
  await twoNodes(hopscope);
  await hopscope.panel.getByRole("button", { name: "Edit kubernetes", exact: true }).click();
  await editedDocument(page, (text) => text.replace(/allocatedOutboundPorts: \d+/, "allocatedOutboundPorts: 2048"));
  const rows = await drift(hopscope);
  expect(rows.map((row) => row[0])).toEqual(["outbound rule"]);
  expect(rows[0][2]).toContain("allocatedOutboundPorts 2048");
  await hopscope.open("Network");
  const ports = await hopscope.rows("A port carries one flow to each destination; all pods of a node share the node's");
  expect(ports[0].slice(1, 4)).toEqual(["2", "2048", "4096 of 64000"]);
});

test("the SNAT budget changes while nodes are added, with the flows that it costs", async ({ hopscope, page }) => {
  await page.getByRole("combobox", { name: "Example cluster" }).selectOption({ label: "A production cluster: system, application, GPU and spot pools" });
  await hopscope.open("Network");
  const caption = "A port carries one flow to each destination; all pods of a node share the node's";
  const [budget] = await hopscope.rows(caption);
  expect(budget.slice(1, 3)).toEqual(["13", "1024"]);
  expect(budget[4]).toBe("no change");
  expect(budget[5]).toBe("51 nodes: 512 each");
  await page.getByRole("combobox", { name: "Selected object" }).selectOption("");
  const nodes = page.getByRole("group", { name: "Nodes of system" }).getByRole("spinbutton");
  await nodes.fill("40");
  await nodes.press("Tab");
  await expect(hopscope.announcer).toContainText("Scale system to 40.");
  const [at50] = await hopscope.rows(caption);
  expect(at50.slice(1, 4)).toEqual(["50", "1024", "51200 of 64000"]);
  expect(at50[4]).toBe("every node can hold 512 flows fewer to one destination");
  await nodes.fill("41");
  await nodes.press("Tab");
  await expect(hopscope.announcer).toContainText("Scale system to 41.");
  const [at51] = await hopscope.rows(caption);
  expect(at51.slice(1, 4)).toEqual(["51", "512", "26112 of 64000"]);
  expect(at51[4]).toBe("no change");
  await expectAccessible(page);
});
