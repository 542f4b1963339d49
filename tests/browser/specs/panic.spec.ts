import { expect, test } from "@playwright/test";
import { Hopscope } from "../hopscope.ts";

test("an error of the page's own is told, with a way to keep the work, and the next visit offers it", async ({ page }) => {
  const hopscope = new Hopscope(page);
  await hopscope.goto();
  await hopscope.tell("cluster");
  // The edited cluster is kept as soon as the reader has written its link.
  await expect
    .poll(() => page.evaluate(() => localStorage.getItem("hopscope.last")), { timeout: 30_000 })
    .toMatch(/^v1\./);

  // A browser that refuses what the page takes for granted: the page cannot draw any more, and stops.
  await page.evaluate(() => {
    Node.prototype.insertBefore = () => {
      throw new Error("injected");
    };
    Node.prototype.appendChild = new Proxy(Node.prototype.appendChild, {
      apply: (target, self: Node, [child]: [Node]) => {
        if (self.isConnected && self !== document.body && !(self as Element).closest(".panic")) throw new Error("injected");
        return Reflect.apply(target, self, [child]) as Node;
      },
    });
  });
  await hopscope.dock.getByRole("tab", { name: "Shares" }).click();

  const notice = page.getByRole("alert").filter({ hasText: "Hopscope met an error of its own and stopped." });
  await expect(notice).toBeVisible();
  await expect(notice).toContainText("Your cluster is kept in the address");
  await expect(page).toHaveURL(/#v1\./);
  await expect(page.getByRole("main"), "what stood there still stands").toBeVisible();

  await notice.getByRole("link", { name: "the cluster as it was" }).evaluate((link: HTMLAnchorElement) => {
    link.target = "_self";
  });
  await page.reload();
  await expect(hopscope.main).toBeVisible({ timeout: 30_000 });
  expect((await hopscope.shares()).map(({ exact }) => exact)).toEqual(["33.3 % (1/3)", "33.3 % (1/3)", "33.3 % (1/3)"]);
});
