import { expect, test } from "../test.ts";

test("with less motion asked for, the packet steps and nothing glides", async ({ hopscope, page }) => {
  const packet = page.getByRole("group", { name: "Packet" });
  await expect(packet.getByRole("button", { name: /Play/ })).toHaveCount(0);
  const facts: string[] = [];
  while (await packet.getByRole("button", { name: "Step forward" }).isEnabled()) {
    await packet.getByRole("button", { name: "Step forward" }).click();
    facts.push((await packet.getByRole("status").innerText()).trim());
  }
  // The same facts that a running packet shows, the last with what it became.
  expect(facts[0]).toMatch(/^1 of \d+: 198\.51\.100\.7/);
  expect(facts.at(-1)).toContain("10.244.0.11:8080");
  expect(facts.length).toBe(Number(facts[0].match(/of (\d+)/)?.[1]));
  const glides = await hopscope.node("aks-pool-1-27255451-0").evaluate((card) => getComputedStyle(card).transitionDuration);
  expect(glides).toBe("0s");
});

test("without, it runs along its way, is stopped, and goes", async ({ hopscope, page }) => {
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await page.reload();
  await expect(hopscope.main).toBeVisible();
  const packet = page.getByRole("group", { name: "Packet" });
  await packet.getByRole("button", { name: "Play the packet's way" }).click();
  const runner = page.locator(".runner");
  await expect(runner).toBeVisible();
  const place = (): Promise<string | null> => runner.getAttribute("transform");
  const before = await place();
  await expect.poll(place).not.toBe(before);
  await packet.getByRole("button", { name: "Pause" }).click();
  const still = await place();
  await page.waitForTimeout(200);
  expect(await place()).toBe(still);
  await packet.getByRole("button", { name: "Show the whole picture" }).click();
  await expect(runner).toHaveCount(0);
});
