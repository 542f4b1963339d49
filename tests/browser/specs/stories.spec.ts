import type { Share, STORIES } from "../hopscope.ts";
import { expect, test } from "../test.ts";

const CLIENT = "198.51.100.7";
const SYSTEM = "aks-system-27255451-0";
const POOL_1 = "aks-pool-1-27255451-0";

/**
 * What `hopscope run examples/E --from 198.51.100.7 --to svc/default/echo-service:80 --requests 100` prints for the
 * cluster of each story; the third story keeps the names of the pods.
 */
const stories: { story: keyof typeof STORIES; watched: string; pool: string; shares: Share[] }[] = [
  {
    story: "local",
    watched: "100 / 0 / 0",
    pool: SYSTEM,
    shares: [
      { pod: "58mz5", node: SYSTEM, exact: "100 %", run: 100, source: CLIENT },
      { pod: "fpwkf", node: POOL_1, exact: "0 %", run: 0, source: "" },
      { pod: "v2brg", node: POOL_1, exact: "0 %", run: 0, source: "" },
    ],
  },
  {
    story: "cluster",
    watched: "33.3 / 33.3 / 33.3",
    pool: SYSTEM,
    shares: [
      { pod: "58mz5", node: SYSTEM, exact: "33.3 % (1/3)", run: 31, source: "10.224.0.4" },
      { pod: "fpwkf", node: POOL_1, exact: "33.3 % (1/3)", run: 31, source: "10.224.0.4" },
      { pod: "v2brg", node: POOL_1, exact: "33.3 % (1/3)", run: 38, source: "10.224.0.4" },
    ],
  },
  {
    story: "moved",
    watched: "33.3 / 33.3 / 33.3",
    pool: POOL_1,
    shares: [
      { pod: "58mz5", node: POOL_1, exact: "33.3 % (1/3)", run: 31, source: CLIENT },
      { pod: "fpwkf", node: POOL_1, exact: "33.3 % (1/3)", run: 31, source: CLIENT },
      { pod: "v2brg", node: POOL_1, exact: "33.3 % (1/3)", run: 38, source: CLIENT },
    ],
  },
];

for (const { story, watched, pool, shares } of stories) {
  test(`the story "${story}" has the numbers of the command line`, async ({ hopscope }) => {
    // The first story is told already: go away and come back.
    if (story === "local") await hopscope.tell("cluster");
    await hopscope.tell(story);

    await expect(hopscope.verdict).toContainText("delivered");
    await expect(hopscope.verdict).toContainText(shares[0].source);
    const flow = hopscope.watched.getByRole("listitem").filter({ hasText: "internet → echo-service" });
    await expect(flow.getByRole("strong")).toHaveText(watched);
    await expect(flow).toContainText(`source seen ${shares[0].source}`);

    expect(await hopscope.shares()).toEqual(shares);
    for (const { pod, exact } of shares) {
      const share = exact.replace(/ \(.*/, "");
      const drawn = hopscope.pod(pod);
      if (share === "0 %") await expect(drawn).not.toHaveAccessibleName(/receives/);
      else await expect(drawn).toHaveAccessibleName(new RegExp(`receives ${share} of the flow`));
    }

    await hopscope.open("Load balancer");
    const pools = await hopscope.rows("Backend pools");
    expect(pools.map(([, rules, , nodes]) => ({ rules, nodes: nodes.split(/\s+/).join(", ") }))).toEqual([{ rules: "1", nodes: pool }]);
  });
}

test("each press of Run samples anew around the same exact shares", async ({ hopscope, page }) => {
  await hopscope.tell("cluster");
  const before = await hopscope.shares();
  await page.getByRole("button", { name: "Run 100" }).click();
  await expect(hopscope.panel).toContainText("seed 2");
  const after = await hopscope.shares();
  expect(after.map(({ exact }) => exact)).toEqual(before.map(({ exact }) => exact));
  expect(after.map(({ run }) => run)).not.toEqual(before.map(({ run }) => run));
  expect(after.reduce((sum, { run }) => sum + run, 0)).toBe(100);
  await expect(hopscope.announcer).toHaveText(
    `100 connections: ${after.map(({ pod, run }) => `echo-deployment-78dc57c76d-${pod} ${run}`).join(", ")}.`,
  );
});
