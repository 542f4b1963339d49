import { expect, expectAccessible, test } from "../test.ts";

/** What decided, in order, on the way of the first paint: the load balancer's rule, the NSG's, then iptables'. */
const RULES = [
  "Tcp 80 → 80, pool kubernetes, probe Http 32649/healthz, floating IP on, distribution Default",
  "500 k8s-azure-lb_allow_IPv4_d39272f7f57ed937951650d93992ad77 Allow Tcp Internet → 20.72.161.43 port 80",
];
const IPTABLES = [
  '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  '-A KUBE-SERVICES -d 20.72.161.43/32 -p tcp -m comment --comment "default/echo-service:http loadbalancer IP" -m tcp --dport 80 -j KUBE-EXT-UA67LJTCCZTJVDOY',
  "-A KUBE-EXT-UA67LJTCCZTJVDOY -j KUBE-SVL-UA67LJTCCZTJVDOY",
  '-A KUBE-SVL-UA67LJTCCZTJVDOY -m comment --comment "default/echo-service:http -> 10.244.0.11:8080" -j KUBE-SEP-W3JSNAU3BZCQFXUW',
  '-A KUBE-SEP-W3JSNAU3BZCQFXUW -p tcp -m comment --comment "default/echo-service:http" -m tcp -j DNAT --to-destination 10.244.0.11:8080',
  '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
  "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
  '-A POSTROUTING -m comment --comment "ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ-AGENT chain" -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT',
  '-A IP-MASQ-AGENT -d 10.244.0.0/16 -m comment --comment "ip-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN',
];

test("the trace has the exact lines that matched, in order", async ({ hopscope }) => {
  await expect(hopscope.steps("Way there").locator(".rule code")).toHaveText([...RULES, ...IPTABLES]);
  const dnat = hopscope.steps("Way there").filter({ hasText: "Destination rewritten" });
  await expect(dnat).toContainText("nat KUBE-SEP-W3JSNAU3BZCQFXUW");
  await expect(dnat.getByRole("deletion")).toHaveText("20.72.161.43:80");
  await expect(dnat.getByRole("insertion")).toHaveText("10.244.0.11:8080");
  await expect(dnat).toContainText("kube-proxy, node");
  // Nothing on the node listens on port 80, and nothing has to.
  await expect(hopscope.steps("Way there").filter({ hasText: "No socket lookup" })).toContainText(
    "PREROUTING runs before the kernel asks who listens",
  );
});

test("a near miss says by which condition it missed", async ({ hopscope }) => {
  const pick = hopscope.steps("Way there").filter({ hasText: "Load balancer picks a node" });
  const miss = pick.getByRole("listitem").filter({ hasText: "aks-pool-1-27255451-0" });
  await expect(miss).toBeHidden();
  await pick.getByText("1 rule almost matched").click();
  await expect(miss).toBeVisible();
  await expect(miss).toContainText("it is no member of the backend pool kubernetes");
});

test("the way back is translated by the node and passes no load balancer", async ({ hopscope, page }) => {
  expect(await hopscope.headings("Way back")).toEqual([
    "Answer sent",
    "Node receives",
    "Accepted",
    "Translated back",
    "Leaves the node",
    "Security group not asked",
    "Routed",
    "Load balancer not involved",
    "Delivered",
  ]);
  const translated = hopscope.steps("Way back").filter({ hasText: "Translated back" });
  await expect(translated.getByRole("deletion")).toHaveText("10.244.0.11:8080");
  await expect(translated.getByRole("insertion")).toHaveText("20.72.161.43:80");

  await page.getByRole("radio", { name: "Way back" }).click();
  expect((await hopscope.capsules()).at(-1)).toBe("20.72.161.43 → 198.51.100.7:51514");
  await expect(hopscope.outline.last()).toContainText("the address that was called: the client accepts it");
});

test("a packet to a node's own address at port 80 is refused, and the trace says why", async ({ hopscope }) => {
  await hopscope.send("10.224.0.200", "node/aks-system-27255451-0:80");
  await expect(hopscope.verdict).toContainText("refused: no-listener");
  const steps = await hopscope.headings("Way there");
  expect(steps).toContain("Refused");
  expect(steps).not.toContain("No socket lookup");
  expect(steps).not.toContain("Destination rewritten");
  const shares = await hopscope.open("Shares");
  await expect(shares).toContainText("No connection is answered.");
  expect((await hopscope.rows("Failed")).map((cells) => [cells[3], cells[4]])).toEqual([["100 %", "100"]]);
});

test("a flow to nothing is refused in words, and the drawn one stays", async ({ hopscope, page }) => {
  await hopscope.send("198.51.100.7", "svc/default/nobody:80");
  await expect(page.getByRole("alert")).toContainText("nobody");
  await expect(hopscope.verdict.or(hopscope.panel.getByText(/cannot be traced/))).toBeVisible();
});

test("the rules of a node are as iptables-save prints them, with the matched lines lit", async ({ hopscope, page }) => {
  const panel = await hopscope.open("Rules");
  const text = page.getByLabel("iptables rules of aks-system-27255451-0");
  const lines = (await text.innerText()).split("\n");
  expect(lines.filter((line) => /^\*|^COMMIT/.test(line))).toEqual(["*filter", "COMMIT", "*mangle", "COMMIT", "*nat", "COMMIT"]);

  const lit = await text.getByRole("mark").evaluateAll((marks) =>
    marks.map((mark) => {
      const copy = mark.cloneNode(true) as HTMLElement;
      for (const number of copy.querySelectorAll(".at, .to-object")) number.remove();
      return copy.innerText.trim();
    }),
  );
  const answered =
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
  expect(lit.toSorted()).toEqual([...IPTABLES, answered].toSorted());

  const count = panel.getByRole("status");
  await expect(count).toContainText("10 matched by the drawn branch");
  await page.getByRole("checkbox", { name: "Only matched" }).check();
  await expect(count).toContainText("10 rules shown");
  await page.getByRole("searchbox", { name: "Search rules" }).fill("dnat --to-destination");
  await expect(count).toContainText("1 rules shown");
  await expect(text.getByRole("mark")).toHaveText(/10-A KUBE-SEP-W3JSNAU3BZCQFXUW .*--to-destination 10\.244\.0\.11:8080/);

  // On the other node the drawn branch matched nothing.
  await page.getByRole("searchbox", { name: "Search rules" }).fill("");
  await page.getByRole("combobox", { name: "Node", exact: true }).selectOption("aks-pool-1-27255451-0");
  await expect(count).toContainText("0 rules shown, 0 matched");
});

test("the load balancer is shown as tables", async ({ hopscope }) => {
  const panel = await hopscope.open("Load balancer");
  await expect(panel.getByRole("region", { name: "Load balancer kubernetes" })).toContainText("Basic");
  const name = "a3f0e8f6c1d2b4c559a0e5b8f3c7d2e1";
  expect(await hopscope.rows("Load-balancing rules")).toEqual([
    [`${name}-TCP-80`, "Tcp 80", "80", "on", "kubernetes", `${name}-TCP-32649`, "Default", "Delete"],
  ]);
  expect(await hopscope.rows("Frontends")).toEqual([[name, "20.72.161.43", "1", "0"]]);
  expect(await hopscope.rows("Backend pools")).toEqual([["kubernetes", "1", "0", "aks-system-27255451-0"]]);
  const [probe, ...more] = await hopscope.rows("Probes");
  expect(more).toEqual([]);
  expect(probe.slice(0, 3)).toEqual([`${name}-TCP-32649`, "Http :32649/healthz", "5 s"]);
  expect(probe[3].replace(/\s+/g, " ")).toBe("aks-system-27255451-0 200 up");
});

test("a probe that is answered 503 is down, and its node gets nothing", async ({ hopscope, page }) => {
  await hopscope.select("aks-pool-1-27255451-0");
  await hopscope.choose("Move to pool", "system");
  for (const pod of ["fpwkf", "v2brg"]) {
    await hopscope.select(`echo-deployment-78dc57c76d-${pod}`);
    await hopscope.choose("Readiness", "Not ready");
  }
  await hopscope.open("Load balancer");
  const [probe] = await hopscope.rows("Probes");
  // A member that is down says why.
  expect(probe[3].replace(/\s+/g, " ")).toMatch(
    /^aks-pool-1-27255451-0 503 down Http from 168\.63\.129\.16 .*: 503; .*knows no ready endpoint.* aks-system-27255451-0 200 up$/,
  );
  await expect(hopscope.node("aks-pool-1-27255451-0")).toHaveAccessibleName(/503 down/);
  expect((await hopscope.shares()).map(({ pod, exact }) => [pod, exact])).toEqual([["58mz5", "100 %"]]);
});

test("rules are also a tree of chains, and lead to their Service and back", async ({ hopscope, page }) => {
  await hopscope.open("Rules");
  await page.getByRole("radio", { name: "Tree" }).click();
  const tree = hopscope.panel.locator(".rule-tree");
  await expect(tree).toContainText("nat PREROUTING");
  // The chains that the drawn branch went through are open down to the rewrite.
  await expect(tree.locator(".hit").filter({ hasText: "-j DNAT --to-destination 10.244.0.11:8080" }).first()).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("combobox", { name: "Selected object" }).selectOption("");
  await tree.getByRole("button", { name: "echo-service" }).first().click();
  await expect(hopscope.switch("External traffic policy")).toBeVisible();

  await hopscope.open("Trace");
  await page.getByRole("button", { name: "Show its iptables rules" }).click();
  await expect(page.getByRole("searchbox", { name: "Search rules" })).toHaveValue("default/echo-service");
  await expect(hopscope.panel.getByRole("mark").first()).toContainText("default/echo-service");
});

test("the network's tables show which security rule decided, and the way out", async ({ hopscope }) => {
  const panel = await hopscope.open("Network");
  await expect(panel.getByRole("region", { name: "Security group aks-agentpool-00000000-nsg" })).toBeVisible();
  const inbound = await hopscope.rows("Inbound rules, the first that fits decides");
  expect(inbound.map((cells) => [cells[0], cells[2], cells[7]])).toEqual([
    ["500", "Allow", "step 4"],
    ["65000", "Allow", ""],
    ["65001", "Allow", ""],
    ["65500", "Deny", ""],
  ]);
  const out = await hopscope.rows("Of each node and its pods");
  expect(out.map((cells) => cells[0])).toEqual(["aks-pool-1-27255451-0", "aks-system-27255451-0"]);
});
