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

test("the reader of documents is fetched when it is needed, not before", async ({ page }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await new Hopscope(page).goto();
  await page.waitForLoadState("networkidle");
  expect(asked.filter((path) => path.includes("reader"))).toEqual([]);
  await page.getByRole("button", { name: "Open…" }).click();
  await expect.poll(() => asked.filter((path) => /reader.*_bg\.wasm$/.test(path))).toHaveLength(1);
});

test("a reader that cannot be fetched is told, leaves the page as it is, and is tried again", async ({ page }) => {
  const hopscope = new Hopscope(page);
  await page.route(/reader.*_bg\.wasm/, (route) => route.abort());
  await hopscope.goto();
  await page.getByRole("button", { name: "Open…" }).click();
  const dialog = page.getByRole("dialog", { name: "Open a cluster" });
  await expect(dialog.getByText(/Nothing can be opened now/)).toBeVisible();
  await dialog.getByRole("textbox", { name: "Or paste" }).fill(SERVICE);
  await dialog.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(dialog.getByTestId("diagnostics")).toContainText("could not be used");
  await expect(hopscope.verdict).toContainText("delivered");

  await page.unroute(/reader.*_bg\.wasm/);
  await dialog.getByRole("button", { name: "Open what is pasted" }).click();
  await expect(page.getByRole("combobox", { name: "Selected object" })).toContainText("lonely");
});
