import type { Hopscope } from "../hopscope.ts";
import { expect, test } from "../test.ts";

const NODE = "aks-pool-1-27255451-0";
const SYSTEM = "aks-system-27255451-0";
const EDIT = `Move ${NODE} to system`;

/** The cluster before the move: the node of pool-1 is behind no load balancer. */
async function expectApart(hopscope: Hopscope): Promise<void> {
  await expect(hopscope.node(NODE)).toHaveAccessibleName(/pool pool-1, .*not in pool/);
  const shares = await hopscope.shares();
  expect(shares.map(({ pod, exact, run }) => [pod, exact, run])).toEqual([
    ["58mz5", "100 %", 100],
    ["fpwkf", "0 %", 0],
    ["v2brg", "0 %", 0],
  ]);
  await hopscope.open("Load balancer");
  expect((await hopscope.rows("Backend pools")).map((cells) => cells.at(-1))).toEqual([SYSTEM]);
}

/** After it: two nodes share evenly, and the two pods of one of them share its half. */
async function expectTogether(hopscope: Hopscope): Promise<void> {
  await expect(hopscope.node(NODE)).toHaveAccessibleName(/pool system, .*200 up/);
  await expect(hopscope.pool("pool-1")).toHaveAccessibleName(/0 nodes/);
  const shares = await hopscope.shares();
  expect(shares.map(({ pod, exact, source }) => [pod, exact, source])).toEqual([
    ["58mz5", "50 % (1/2)", "198.51.100.7"],
    ["fpwkf", "25 % (1/4)", "198.51.100.7"],
    ["v2brg", "25 % (1/4)", "198.51.100.7"],
  ]);
  expect(shares.reduce((sum, { run }) => sum + run, 0)).toBe(100);
  await hopscope.open("Load balancer");
  expect((await hopscope.rows("Backend pools")).map((cells) => cells.at(-1)?.split(/\s+/))).toEqual([[NODE, SYSTEM]]);
  const [probe] = await hopscope.rows("Probes");
  expect(probe.at(-2)?.replace(/\s+/g, " ")).toBe(`${NODE} 200 up ${SYSTEM} 200 up`);
}

/** The sentence for screen readers: what moved, and which watched flows changed. */
async function expectSaid(hopscope: Hopscope, what: string, shares: string): Promise<void> {
  await expect(hopscope.announcer).toContainText(`${what}. 1 watched flow changed.`);
  await expect(hopscope.announcer).toContainText(`: ${shares}.`);
}

test("a node that is held over a pool before it is dropped ends as one that is dropped at once", async ({ hopscope, page }) => {
  for (const hold of [0, 300]) {
    await expectApart(hopscope);
    await hopscope.drag(hopscope.node(NODE), hopscope.pool("system"));
    // After 50 ms the page makes the drop before it is made.
    await page.waitForTimeout(hold);
    await page.mouse.up();
    await expectSaid(hopscope, EDIT, "50 / 25 / 25");
    await expectTogether(hopscope);
    await page.keyboard.press("Control+z");
  }
});

test("a node is dragged to the other pool, undone, done again", async ({ hopscope, page }) => {
  await expectApart(hopscope);
  const undo = page.getByRole("button", { name: "Undo" });
  const redo = page.getByRole("button", { name: "Redo" });
  await expect(undo).toBeDisabled();
  await expect(redo).toBeDisabled();

  await hopscope.drag(hopscope.node(NODE), hopscope.pool("system"));
  await expect(hopscope.main).toContainText(
    `${NODE} to node pool system: system scales out from 1 to 2, pool-1 scales in from 1 to 0.`,
  );
  await page.mouse.up();
  await expectSaid(hopscope, EDIT, "50 / 25 / 25");
  await expectTogether(hopscope);
  const flow = hopscope.watched.getByRole("listitem").filter({ hasText: "internet → echo-service" });
  await expect(flow.getByRole("strong")).toHaveText("50 / 25 / 25");
  await expect(flow).toContainText("was 100 / 0 / 0");

  await expect(undo).toHaveAttribute("title", `Undo: ${EDIT}`);
  await undo.click();
  await expectSaid(hopscope, `Undone: ${EDIT}`, "100 / 0 / 0");
  await expectApart(hopscope);

  await expect(redo).toHaveAttribute("title", `Redo: ${EDIT}`);
  await redo.click();
  await expectSaid(hopscope, `Done again: ${EDIT}`, "50 / 25 / 25");
  await expectTogether(hopscope);

  await page.keyboard.press("Control+z");
  await expectApart(hopscope);
  await page.keyboard.press("Control+Shift+z");
  await expectTogether(hopscope);
});

test("a drag that ends nowhere or with Escape moves nothing", async ({ hopscope, page }) => {
  await hopscope.drag(hopscope.node(NODE), hopscope.main);
  await page.mouse.up();
  await expect(hopscope.announcer).toHaveText(`${NODE} stays where it is.`);
  await expectApart(hopscope);

  await hopscope.drag(hopscope.node(NODE), hopscope.pool("system"));
  await expect(hopscope.main).toContainText("system scales out from 1 to 2");
  await page.keyboard.press("Escape");
  await expect(hopscope.main).not.toContainText("system scales out from 1 to 2");
  await page.mouse.up();
  await expectApart(hopscope);
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
});

test("a pod is dragged to the other node, and gets a new address there", async ({ hopscope, page }) => {
  await expect(hopscope.pod("fpwkf")).toHaveAccessibleName(/10\.244\.1\.12/);
  await hopscope.drag(hopscope.pod("fpwkf"), hopscope.node(SYSTEM));
  await page.mouse.up();
  await expectSaid(hopscope, `Move echo-deployment-78dc57c76d-fpwkf to ${SYSTEM}`, "50 / 50 / 0");
  await expect(hopscope.pod("fpwkf")).toHaveAccessibleName(/10\.244\.0\.\d+, ready, receives 50 % of the flow/);
});

test("the same move by keyboard alone", async ({ hopscope, page }) => {
  const focused = (): Promise<string> =>
    page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
  // The picture is one stop in the tab order; arrows walk within it.
  for (let presses = 0; presses < 40 && !/^(Node|Pod|Azure)/.test(await focused()); presses++) {
    await page.keyboard.press("Tab");
  }
  for (const key of ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown"]) {
    if ((await focused()).startsWith(`Node ${NODE}`)) break;
    await page.keyboard.press(key);
  }
  await expect(hopscope.node(NODE)).toBeFocused();

  await page.keyboard.press("Space");
  await expect(hopscope.announcer).toContainText(`Picked up ${NODE}.`);
  await page.keyboard.press("ArrowDown");
  await expect(hopscope.announcer).toHaveText(/^node pool system: system scales out from 1 to 2/);
  await page.keyboard.press("Escape");
  await expect(hopscope.announcer).toHaveText(`${NODE} stays where it is.`);
  await expect(hopscope.node(NODE)).toBeFocused();

  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expectSaid(hopscope, EDIT, "50 / 25 / 25");
  await expect(hopscope.node(NODE)).toBeFocused();
  await expectTogether(hopscope);
});

test("M opens the move menu of a node that was not selected", async ({ hopscope, page }) => {
  await hopscope.node(NODE).focus();
  await page.keyboard.press("m");
  const item = page.getByRole("menuitem", { name: /^Move to node pool system\./ });
  await expect(item).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menu")).toHaveCount(0);
  await expect(hopscope.node(NODE)).toBeFocused();

  await page.keyboard.press("m");
  await expect(item).toBeFocused();
  await page.keyboard.press("Enter");
  await expectSaid(hopscope, EDIT, "50 / 25 / 25");
  await expectTogether(hopscope);
});

for (const width of [1440, 390, 320]) {
  test.describe(`${width} px wide`, () => {
    test.use({ hasTouch: true, viewport: { width, height: 844 } });

    test("the same move by tap", async ({ hopscope, page }) => {
      const { x, y } = await hopscope.handle(hopscope.node(NODE));
      await page.touchscreen.tap(x, y);
      await page.getByRole("button", { name: `Move ${NODE} to…` }).tap();
      await page.getByRole("menuitem", { name: /^Move to node pool system\./ }).tap();
      await expectSaid(hopscope, EDIT, "50 / 25 / 25");
      await expectTogether(hopscope);
    });
  });
}

const TAINTED = ["a", "b"]
  .map(
    (name, at) => `apiVersion: v1
kind: Node
metadata:
  name: node-${name}
  labels: {agentpool: pool${at}, kubernetes.azure.com/agentpool: pool${at}}
spec:
  podCIDR: 10.244.${at}.0/24
${at ? "  taints: [{key: dedicated, value: gpu, effect: NoSchedule}]\n" : ""}status:
  addresses: [{type: InternalIP, address: 10.224.0.${at + 4}}]
  conditions: [{type: Ready, status: "True"}]
---
`,
  )
  .concat(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`)
  .join("");

test("a pod that is moved where the scheduler does not want it stays, and the scheduler's reason is told", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Open…" }).click();
  await page.getByRole("textbox", { name: "Or paste" }).fill(TAINTED);
  await page.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(hopscope.node("node-b")).toBeVisible({ timeout: 30_000 });
  if (await page.getByRole("dialog").isVisible()) await page.keyboard.press("Escape");
  const pod = hopscope.main.getByRole("button", { name: /^Pod default\/web-/ });
  const name = await pod.getAttribute("aria-label");
  await hopscope.drag(pod, hopscope.node("node-b"));
  await page.mouse.up();
  const refusal = page.getByRole("alert").filter({ hasText: "Not done" });
  await expect(refusal).toContainText(/the scheduler does not put web-\S+ there: node-b has the taint dedicated=gpu:NoSchedule, which the pod does not tolerate/);
  expect(await pod.getAttribute("aria-label")).toBe(name);
});
