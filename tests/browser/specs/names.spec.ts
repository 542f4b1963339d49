import { expect, expectAccessible, test } from "../test.ts";

const POD = "pod/default/echo-deployment-78dc57c76d-fpwkf";

test("a name of the cluster: the question, what the search path made of it, the answer", async ({ hopscope }) => {
  await hopscope.send(POD, "echo-service:80");
  const [first] = await hopscope.steps("Way there").all();
  await expect(first).toContainText("Name resolved");
  await expect(first).toContainText("echo-service.default.svc.cluster.local (the search path made it of echo-service)");
  await expect(first.locator(".rule code")).toHaveText("echo-service.default.svc.cluster.local");
  await expect(hopscope.verdict).toContainText("delivered");
});

test("each query and answer of a name is on the page: aliases, names that do not exist", async ({ hopscope, page }) => {
  // An alias of an alias of a Service.
  for (const [name, target] of [
    ["shop", "echo-service.default.svc.cluster.local"],
    ["front", "shop.default.svc.cluster.local"],
  ]) {
    await page.getByRole("button", { name: "Add an object" }).click();
    await page
      .getByRole("dialog")
      .getByRole("textbox")
      .fill(`apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n  namespace: default\nspec:\n  type: ExternalName\n  externalName: ${target}\n`);
    await page.getByRole("dialog").getByRole("button", { name: "Apply" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
  }
  await hopscope.send(POD, "front:80");
  const resolved = hopscope.steps("Way there").filter({ hasText: "Name resolved" });
  await expect(resolved).toHaveCount(3);
  await expect(resolved.nth(0)).toContainText("with CNAME shop.default.svc.cluster.local");
  await expect(resolved.nth(1)).toContainText("with CNAME echo-service.default.svc.cluster.local");
  await expect(resolved.nth(2)).toContainText("the cluster IP of Service default/echo-service");
  await expect(hopscope.verdict).toContainText("delivered");
  await expectAccessible(page);

  // What was asked for before stands with what it was answered, without a press.
  await hopscope.send(POD, "www.example.com:443");
  const [asked] = await hopscope.steps("Way there").all();
  await expect(asked.getByRole("listitem")).toContainText([
    /^www\.example\.com\.default\.svc\.cluster\.local\s*NXDOMAIN/,
    /^www\.example\.com\.svc\.cluster\.local\s*NXDOMAIN/,
    /^www\.example\.com\.cluster\.local\s*NXDOMAIN/,
  ]);
  await expect(hopscope.steps("Way there").filter({ hasText: "stands for its address" })).toHaveCount(1);
  await expect(hopscope.verdict).toContainText("delivered");

  await hopscope.send(POD, "www:443");
  await expect(hopscope.verdict).toContainText("name-not-found");
});
