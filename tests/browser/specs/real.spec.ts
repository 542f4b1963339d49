import { expect, test } from "../test.ts";

test("a real node's rules: what it lacks, what it has besides, what has no model", async ({ hopscope, page }) => {
  await hopscope.open("Rules");
  await page.getByRole("combobox", { name: "Node" }).selectOption("aks-system-27255451-0");
  const saved = await hopscope.panel.locator("pre.rule-text").evaluate((pre) =>
    [...pre.childNodes].map((node) => {
      const line = node.cloneNode(true) as HTMLElement;
      for (const extra of line.querySelectorAll?.(".at, .to-object") ?? []) extra.remove();
      return line.textContent?.trim() ?? "";
    }),
  );
  const lost = saved.findIndex((line) => line.startsWith("-A KUBE-MARK-MASQ"));
  expect(lost).toBeGreaterThan(0);
  const real = [
    ...saved.slice(0, lost),
    ...saved.slice(lost + 1).flatMap((line) =>
      line.startsWith("-A KUBE-SERVICES") && line.includes("echo-service")
        ? [line, "-A KUBE-SERVICES -d 192.0.2.1/32 -j RETURN", "-A KUBE-SERVICES -m bpf --bytecode \"1,6 0 0 0\" -j RETURN"]
        : [line],
    ),
  ].join("\n");

  await hopscope.switch("Form").getByRole("radio", { name: "Real node" }).click();
  await hopscope.panel.getByRole("textbox", { name: "Or paste" }).fill("nothing of the sort");
  await hopscope.panel.getByRole("button", { name: "Compare" }).click();
  await expect(hopscope.panel.getByRole("alert")).toContainText("Not compared", { timeout: 30_000 });
  await hopscope.panel.getByRole("button", { name: "Take the node’s rules away" }).click();

  await hopscope.panel.getByRole("textbox", { name: "Or paste" }).fill(real);
  await hopscope.panel.getByRole("button", { name: "Compare" }).click();
  await expect(hopscope.panel.locator(".lacks")).toContainText([/-A KUBE-MARK-MASQ .*MARK/], { timeout: 30_000 });
  await expect(hopscope.panel.locator(".besides").filter({ hasText: "192.0.2.1" }).first()).toContainText(/besides, line \d+/);
  await expect(hopscope.panel).toContainText("Lines that cannot be modelled");
  await expect(hopscope.panel.getByRole("listitem").filter({ hasText: "bpf" }).first()).toContainText(/line \d+/);

  // It stays while other tabs are looked at, and is taken away again.
  await hopscope.open("Trace");
  await hopscope.open("Rules");
  await hopscope.switch("Form").getByRole("radio", { name: "Real node" }).click();
  await expect(hopscope.panel.locator(".lacks").first()).toBeVisible({ timeout: 30_000 });
  await hopscope.panel.getByRole("button", { name: "Take the node’s rules away" }).click();
  await expect(hopscope.panel.getByRole("textbox", { name: "Or paste" })).toBeVisible();
});
