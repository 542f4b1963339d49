import { expect, test } from "@playwright/test";
import { Hopscope } from "../hopscope.ts";

const SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: lonely
spec:
  type: LoadBalancer
  ports:
  - port: 80
`;

test("the first picture stands without the engine, and what is asked meanwhile is done when it comes", async ({ page }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/engineroom.*_bg\.wasm/, async (route) => {
    await held;
    await route.continue();
  });
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await expect(hopscope.verdict).toContainText("delivered");
  await page.getByRole("button", { name: "Cluster: thirds, source lost" }).click();
  await expect(hopscope.announcer).toContainText("The engine is being loaded");
  release();
  await expect(hopscope.announcer).toContainText("1 watched flow changed");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(hopscope.announcer).toContainText("Undone");
});

test("an engine that cannot be fetched is told, leaves the page as it is, and is tried again", async ({ page }) => {
  const hopscope = new Hopscope(page);
  await page.route(/engineroom.*_bg\.wasm/, (route) => route.abort());
  await hopscope.goto();
  await expect(page.getByRole("alert")).toContainText("Nothing can be changed or asked");
  await page.getByRole("button", { name: "Open…" }).click();
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await expect(dialog.getByText(/Nothing can be opened now/)).toBeVisible();
  await dialog.getByRole("textbox", { name: "Or paste" }).fill(SERVICE);
  await dialog.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(dialog.getByTestId("diagnostics")).toContainText("could not be used");
  await expect(hopscope.verdict).toContainText("delivered");

  await page.unroute(/engineroom.*_bg\.wasm/);
  await dialog.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(page.getByRole("combobox", { name: "Selected object" })).toContainText("lonely");
});
