import { STORIES } from "../hopscope.ts";
import { expect, test } from "../test.ts";

test("the first paint shows the cluster and a drawn trace", async ({ hopscope, page }) => {
  await expect(hopscope.main.getByRole("button", { name: "Azure Load Balancer kubernetes, Basic" })).toBeVisible();
  await expect(hopscope.pool("system")).toHaveAccessibleName(/in the backend pool/);
  await expect(hopscope.pool("pool-1")).toHaveAccessibleName(/not in the backend pool/);
  await expect(hopscope.node("aks-system-27255451-0")).toHaveAccessibleName(/10\.224\.0\.4, 200 up, 1 pod$/);
  await expect(hopscope.node("aks-pool-1-27255451-0")).toHaveAccessibleName(/10\.224\.0\.5, not in pool, 2 pods$/);
  await expect(hopscope.pod("58mz5")).toHaveAccessibleName(/receives 100 % of the flow/);
  for (const pod of ["fpwkf", "v2brg"]) await expect(hopscope.pod(pod)).not.toHaveAccessibleName(/receives/);

  await expect(page.getByRole("button", { name: STORIES.local })).toHaveAttribute("aria-pressed", "true");
  await expect(hopscope.main.locator("[data-link].s-taken").first()).toBeVisible();
  expect(await hopscope.capsules()).toEqual([
    "198.51.100.7 → 20.72.161.43:80",
    "198.51.100.7 → 20.72.161.43:80",
    "198.51.100.7 → 10.244.0.11:8080",
  ]);
  await expect(hopscope.steps("Way there").first()).toContainText("Client sends");
});

test("the picture has a twin in text", async ({ hopscope }) => {
  await expect(hopscope.outline).toHaveCount(4);
  for (const [at, words] of [
    /198\.51\.100\.7 opens a TCP connection to port 80 of 20\.72\.161\.43/,
    /^Load balancer kubernetes: .*aks-system-27255451-0 is the only member that takes new connections/,
    /^Node aks-system-27255451-0: The destination becomes 10\.244\.0\.11:8080/,
    /^Pod default\/echo-deployment-78dc57c76d-58mz5: .*It sees 198\.51\.100\.7 as the client/,
  ].entries()) {
    await expect(hopscope.outline.nth(at)).toHaveText(words);
  }
});

test("everything that the picture draws lies in sight", async ({ hopscope }) => {
  const picture = await hopscope.main.boundingBox();
  if (!picture) throw new Error("the picture is not drawn");
  for (const card of [hopscope.pool("system"), hopscope.pool("pool-1"), hopscope.pod("v2brg")]) {
    const box = await card.boundingBox();
    if (!box) throw new Error("a card is not drawn");
    expect(box.x).toBeGreaterThanOrEqual(picture.x);
    expect(box.y).toBeGreaterThanOrEqual(picture.y);
    expect(box.x + box.width).toBeLessThanOrEqual(picture.x + picture.width);
    expect(box.y + box.height).toBeLessThanOrEqual(picture.y + picture.height);
  }
});

test("a first visit is told how to begin, once", async ({ hopscope, page }) => {
  const advice = hopscope.main.getByText("Drag a node to the other pool");
  await expect(advice).toBeVisible();
  await hopscope.main.getByRole("button", { name: "Got it" }).click();
  await expect(advice).toHaveCount(0);
  await page.reload();
  await expect(hopscope.main).toBeVisible();
  await expect(advice).toHaveCount(0);
});
