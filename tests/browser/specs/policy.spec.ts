import { expect, test } from "../test.ts";

const POLICY = "External traffic policy";

test("flipping the policy redraws the trace, the header and the shares", async ({ hopscope }) => {
  expect(await hopscope.headings("Way there")).not.toContain("Source masqueraded");
  await expect(hopscope.verdict).toContainText("which sees 198.51.100.7");

  await hopscope.choose(POLICY, "Cluster");
  await expect(hopscope.announcer).toContainText(
    "Set external traffic policy of echo-service to Cluster. 1 watched flow changed.",
  );
  await expect(hopscope.verdict).toContainText("which sees 10.224.0.4");
  const there = await hopscope.headings("Way there");
  expect(there).toContain("Packet marked");
  expect(there.indexOf("Source masqueraded")).toBeGreaterThan(there.indexOf("Destination rewritten"));

  const masquerade = hopscope.steps("Way there").filter({ hasText: "Source masqueraded" });
  await expect(masquerade.getByRole("deletion")).toHaveText("198.51.100.7:51514");
  await expect(masquerade.getByRole("insertion")).toHaveText(/^10\.224\.0\.4:\d+$/);
  await expect(masquerade.locator("code")).toHaveText(
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
  );
  // The capsule in the picture bears both rewrites.
  expect((await hopscope.capsules()).at(-1)).toBe("10.224.0.4 → 10.244.0.11:8080");
  await expect(hopscope.outline.nth(2)).toContainText("the source becomes 10.224.0.4");

  const shares = await hopscope.shares();
  expect(shares.map(({ exact, source }) => [exact, source])).toEqual(
    Array.from({ length: 3 }, () => ["33.3 % (1/3)", "10.224.0.4"]),
  );

  await hopscope.choose(POLICY, "Local");
  expect((await hopscope.shares()).map(({ exact }) => exact)).toEqual(["100 %", "0 %", "0 %"]);
  expect((await hopscope.capsules()).at(-1)).toBe("198.51.100.7 → 10.244.0.11:8080");
  await hopscope.open("Trace");
  expect(await hopscope.headings("Way there")).not.toContain("Source masqueraded");
});

test("the switch is worked by arrow keys, and the probe follows the policy", async ({ hopscope, page }) => {
  await hopscope.open("Load balancer");
  const probe = async (): Promise<(string | undefined)[]> => {
    const [cells] = await hopscope.rows("Probes");
    return [cells[1], cells.at(-2)?.replace(/\s+/g, " ")];
  };
  expect(await probe()).toEqual(["Http :32649/healthz", "aks-system-27255451-0 200 up"]);
  await hopscope.switch(POLICY).getByRole("radio", { name: "Local" }).focus();
  await page.keyboard.press("ArrowLeft");
  await expect(hopscope.switch(POLICY).getByRole("radio", { name: "Cluster" })).toBeChecked();
  await expect(hopscope.switch(POLICY).getByRole("radio", { name: "Cluster" })).toBeFocused();
  expect(await probe()).toEqual(["Tcp :32651", "aks-system-27255451-0 TCP up"]);
});

test("every branch can be drawn", async ({ hopscope, page }) => {
  await hopscope.choose(POLICY, "Cluster");
  const branches = page.getByRole("radiogroup", { name: "Branch" }).getByRole("radio");
  await expect(branches).toHaveText([/^33\.3 %\s+echo-.*-58mz5/, /^33\.3 %\s+echo-.*-fpwkf/, /^33\.3 %\s+echo-.*-v2brg/]);
  await branches.nth(2).click();
  await expect(hopscope.verdict).toContainText("-v2brg");
  expect((await hopscope.capsules()).at(-1)).toBe("10.224.0.4 → 10.244.1.13:8080");
  await expect(hopscope.outline.last()).toContainText(/^Pod default\/\S+-v2brg/);
});
