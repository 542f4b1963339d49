import type { Hopscope } from "../hopscope.ts";
import { expect, expectAccessible, test } from "../test.ts";

const NODE = "aks-system-27255451-0";

async function showReal(hopscope: Hopscope): Promise<void> {
  await hopscope.open("Rules");
  await hopscope.switch("Form").getByRole("radio", { name: "Real node" }).click();
}

async function give(hopscope: Hopscope, text: string): Promise<void> {
  await showReal(hopscope);
  await hopscope.panel.getByRole("textbox", { name: "Or paste" }).fill(text);
  await hopscope.panel.getByRole("button", { name: "Use these rules" }).click();
}

test("a real node's rules: what it lacks, what it has besides, what has no model", async ({ hopscope }) => {
  const own = await hopscope.saved(NODE);
  const lost = own.findIndex((line) => line.startsWith("-A KUBE-MARK-MASQ"));
  expect(lost).toBeGreaterThan(0);
  const real = [
    ...own.slice(0, lost),
    ...own.slice(lost + 1).flatMap((line) =>
      line.startsWith("-A KUBE-SERVICES") && line.includes("echo-service")
        ? [line, "-A KUBE-SERVICES -d 192.0.2.1/32 -j RETURN", '-A KUBE-SERVICES -m bpf --bytecode "1,6 0 0 0" -j RETURN']
        : [line],
    ),
  ].join("\n");

  // What is no text of rules changes nothing, and stays in its field.
  await give(hopscope, "nothing of the sort");
  await expect(hopscope.page.getByRole("alert")).toContainText(`The rules were not given to ${NODE}`);
  await expect(hopscope.panel.getByRole("textbox", { name: "Or paste" })).toHaveValue("nothing of the sort");

  await give(hopscope, real);
  await expect(hopscope.announcer).toContainText(`Given rules on ${NODE}`);
  await expect(hopscope.panel.locator(".lacks")).toContainText([/-A KUBE-MARK-MASQ .*MARK/], { timeout: 30_000 });
  await expect(hopscope.panel.locator(".besides").filter({ hasText: "192.0.2.1" }).first()).toContainText(/besides, line \d+/);
  await expect(hopscope.panel).toContainText("Lines that cannot be modelled");
  await expect(hopscope.panel.getByRole("listitem").filter({ hasText: "bpf" }).first()).toContainText(/line \d+/);
  await expectAccessible(hopscope.page);

  // It stays while other tabs are looked at, and is taken away again.
  await hopscope.open("Trace");
  await showReal(hopscope);
  await expect(hopscope.panel.locator(".lacks").first()).toBeVisible({ timeout: 30_000 });
  await hopscope.panel.getByRole("button", { name: "Use generated rules again" }).click();
  await expect(hopscope.panel.getByRole("textbox", { name: "Or paste" })).toBeVisible();
});

test("a packet goes by the given rules, through edits, until they are taken away", async ({ hopscope, page }) => {
  const own = await hopscope.saved(NODE);
  await expect(hopscope.watched).toContainText("100 / 0 / 0");
  // The node lost the rule that translates to the endpoint.
  const real = own.filter((line) => !/^-A KUBE-SEP-.* -j DNAT/.test(line)).join("\n");
  await give(hopscope, real);

  const flow = hopscope.watched.getByRole("listitem").filter({ hasText: "internet → echo-service" });
  await expect(flow).toContainText("Worse");
  // The packet comes back to the load balancer again and again; it is still one packet.
  await expect(hopscope.main).toContainText("LB 100 %");
  await hopscope.open("Trace");
  await expect(hopscope.verdict).not.toContainText("delivered");
  await expect(hopscope.panel.getByRole("heading", { name: /^Node/ }).first()).toContainText("given rules");
  await hopscope.panel.getByText(/^\d+ assumptions$/).click();
  await expect(hopscope.panel).toContainText("The rules of a node on the way are the given ones");
  expect(await hopscope.headings("Way there")).not.toContain("Destination rewritten");

  // The text of the rules is the given one.
  await hopscope.open("Rules");
  await hopscope.switch("Form").getByRole("radio", { name: "Text" }).click();
  await expect(hopscope.panel.locator("pre.rule-text")).not.toContainText("-j DNAT");

  // An edit and its undoing change the cluster, not the rules that were given.
  await hopscope.choose("Session affinity", "Client IP");
  await hopscope.open("Trace");
  await expect(hopscope.verdict).not.toContainText("delivered");
  await page.keyboard.press("Control+z");
  await expect(hopscope.verdict).not.toContainText("delivered");

  await page.getByRole("button", { name: "Share…" }).click();
  await expect(page.getByRole("dialog")).toContainText("not in the link");
  await page.keyboard.press("Escape");

  await showReal(hopscope);
  await hopscope.panel.getByRole("button", { name: "Use generated rules again" }).click();
  await expect(flow).toContainText("Better");
  await hopscope.open("Trace");
  await expect(hopscope.verdict).toContainText("delivered");
  await expect(hopscope.panel).not.toContainText("given rules");
});

test("rules are given in the one history: undo takes them away, redo gives them back, a comparison takes them along", async ({ hopscope, page }) => {
  const own = await hopscope.saved(NODE);
  await give(hopscope, own.filter((line) => !/^-A KUBE-SEP-.* -j DNAT/.test(line)).join("\n"));
  const flow = hopscope.watched.getByRole("listitem").filter({ hasText: "internet → echo-service" });
  await expect(flow).toContainText("Worse");

  await page.getByRole("button", { name: "History" }).click();
  const history = page.getByRole("dialog", { name: "History" });
  await expect(history.getByRole("listitem")).toHaveText(["As it was opened first", `Given rules on ${NODE}you are here`]);
  await page.keyboard.press("Escape");

  await page.keyboard.press("Control+z");
  await expect(hopscope.announcer).toContainText(`Undone: Given rules on ${NODE}`);
  await expect(flow).toContainText("Better");
  await expect(hopscope.panel.getByRole("textbox", { name: "Or paste" })).toBeVisible();
  await page.keyboard.press("Control+y");
  await expect(flow).toContainText("Worse");
  await expect(hopscope.panel).toContainText(`On ${NODE} packets go by the given rules.`);

  // With the other policy the packet still meets the rules that lost their translation; as it was opened it does not.
  await page.getByRole("button", { name: "Compare" }).click();
  const variant = page.getByRole("region", { name: "Variant A", exact: true });
  await expect(variant).toContainText("all-probes-down");
  await hopscope.switch("Compare with").getByRole("radio", { name: "As it was opened" }).click();
  await expect(variant).toContainText("100 / 0 / 0");
  await page.getByRole("button", { name: "End comparison" }).click();

  // The list leads to either side.
  await page.getByRole("button", { name: "History" }).click();
  await history.getByRole("button", { name: "As it was opened first" }).click();
  await expect(flow).toContainText("Better");
  await history.getByRole("button", { name: "Given rules on" }).click();
  await expect(flow).toContainText("Worse");
});

test("what an edit makes kube-proxy write: the chains of a partial sync", async ({ hopscope, page }) => {
  await hopscope.open("Rules");
  await hopscope.switch("Form").getByRole("radio", { name: "Last edit" }).click();
  await expect(hopscope.panel).toContainText("Nothing was changed yet");

  await hopscope.choose("External traffic policy", "Cluster");
  const summary = hopscope.panel.getByRole("status");
  await expect(summary).toContainText(/A partial sync: kube-proxy on aks-\S+ writes \d+ chains/);
  const table = `Chains that kube-proxy writes on ${NODE}`;
  const rows = await hopscope.rows(table);
  const of = (chain: RegExp): string[] | undefined => rows.find(([name]) => chain.test(name));
  expect(of(/^KUBE-EXT-/)).toEqual([expect.any(String), "nat", "changed", "default/echo-service:http"]);
  expect(of(/^KUBE-SVL-/)?.slice(2)).toEqual(["deleted", "of a Service"]);
  expect(of(/^KUBE-POSTROUTING$/)?.slice(2)).toEqual(["the same again", "shared"]);
  // What differs comes first.
  const same = rows.findIndex(([, , words]) => words === "the same again");
  expect(rows.slice(same).every(([, , words]) => words === "the same again")).toBe(true);
  await expectAccessible(page);

  // Taken back, the chains that were deleted are new again.
  await page.keyboard.press("Control+z");
  await expect(summary).toContainText("Undone");
  expect((await hopscope.rows(table)).find(([name]) => /^KUBE-SVL-/.test(name))?.[2]).toBe("new");
});
