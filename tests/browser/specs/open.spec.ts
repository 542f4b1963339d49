import { expect, test } from "../test.ts";

const LONELY = `apiVersion: v1
kind: Node
metadata:
  name: node-a
spec:
  podCIDR: 10.244.0.0/24
status:
  addresses:
  - type: InternalIP
    address: 10.224.0.4
  conditions:
  - type: Ready
    status: "True"
---
apiVersion: v1
kind: Pod
metadata:
  name: web-a
  labels:
    app: web
spec:
  nodeName: node-a
  containers:
  - name: web
    image: registry.example/web:1
    ports:
    - containerPort: 8080
status:
  podIP: 10.244.0.9
  conditions:
  - type: Ready
    status: "True"
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: LoadBalancer
  selector:
    app: web
  ports:
  - port: 80
    targetPort: 8080
`;

/** Bad input, and what the page must say about it: the line, what is wrong, and what to do. */
const BAD = [
  {
    name: "broken YAML",
    text: "apiVersion: v1\nkind: Service\nmetadata:\n  name: [broken\n",
    line: 5,
    what: "this is not YAML",
    hint: "a bracket or brace is open",
  },
  {
    name: "an unknown kind",
    text: "apiVersion: v1\nkind: Nod\nmetadata:\n  name: x\n",
    line: 2,
    what: "unknown kind Nod",
    hint: "did you mean Node?",
  },
  {
    name: "two nodes with one address",
    text: `${LONELY}---\n${LONELY.slice(0, LONELY.indexOf("---")).replaceAll("node-a", "node-b")}`,
    line: 0,
    what: "10.224.0.4",
    hint: "",
  },
];

test("bad input is refused with its line and a hint, and changes nothing", async ({ hopscope, page }) => {
  const picture = await hopscope.main.innerHTML();
  await page.getByRole("button", { name: "Open…" }).click();
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  for (const { text, line, what, hint } of BAD) {
    await dialog.getByRole("textbox", { name: "Or paste" }).fill(text);
    await dialog.getByRole("button", { name: "Open what is pasted" }).click();
    const report = page.getByTestId("diagnostics");
    await expect(report).toContainText("Not opened: nothing has changed.");
    const error = report.getByRole("listitem").filter({ hasText: what });
    await expect(error.first()).toContainText(line ? `pasted text:${line}` : /pasted text:\d+/);
    await expect(error.first()).toContainText("error");
    await expect(error.first()).toContainText(hint);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  expect(await hopscope.main.innerHTML()).toBe(picture);
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
});

test("good input is opened, and one undo leads back", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Open…" }).click();
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await dialog.getByRole("textbox", { name: "Or paste" }).fill(LONELY);
  await dialog.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(hopscope.node("node-a")).toHaveAccessibleName(/10\.224\.0\.4/);
  if (await dialog.isVisible()) await dialog.getByRole("button", { name: "Close" }).click();
  await expect(hopscope.verdict).toContainText("delivered");
  expect((await hopscope.shares()).map(({ pod, exact, run }) => [pod, exact, run])).toEqual([["a", "100 %", 100]]);
  await expect(hopscope.node("aks-system")).toHaveCount(0);

  await page.getByRole("button", { name: "Undo" }).click();
  await expect(hopscope.node("aks-system-27255451-0")).toBeVisible();
  expect((await hopscope.shares()).map(({ exact }) => exact)).toEqual(["100 %", "0 %", "0 %"]);
});

test("a file is opened as pasted text is", async ({ hopscope, page }) => {
  await page.getByRole("button", { name: "Open…" }).click();
  await page
    .getByLabel("Files")
    .setInputFiles({ name: "cluster.yaml", mimeType: "application/yaml", buffer: Buffer.from(LONELY) });
  await expect(hopscope.node("node-a")).toHaveAccessibleName(/10\.224\.0\.4/);
});

test("files that are dropped on the page are opened", async ({ hopscope, page }) => {
  const files = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "cluster.yaml", { type: "application/yaml" }));
    return transfer;
  }, LONELY);
  await hopscope.main.dispatchEvent("drop", { dataTransfer: files });
  await expect(hopscope.node("node-a")).toHaveAccessibleName(/10\.224\.0\.4/);
});

test("documents that are pasted on the page are opened; a refused line is shown", async ({ hopscope, page }) => {
  const paste = (text: string): Promise<void> =>
    page.evaluate((text) => {
      const data = new DataTransfer();
      data.setData("text/plain", text);
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    }, text);
  await paste("apiVersion: v1\nkind: Nod\nmetadata:\n  name: x\n");
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await expect(page.getByTestId("diagnostics")).toContainText("pasted text:2");
  await page.getByTestId("diagnostics").getByRole("button", { name: "Show me" }).first().click();
  const field = dialog.getByRole("textbox", { name: "Or paste" });
  await expect(field).toBeFocused();
  expect(
    await field.evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd)),
  ).toBe("kind: Nod");
  await page.keyboard.press("Escape");
  await paste(LONELY);
  await expect(hopscope.node("node-a")).toHaveAccessibleName(/10\.224\.0\.4/);
});
