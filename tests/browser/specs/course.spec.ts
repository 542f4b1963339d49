import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { expect, expectAccessible, test } from "../test.ts";

/** The rail, in which lessons and questions are. */
function rail(page: Page): Locator {
  return page.locator("section.rail");
}

async function list(page: Page, name: "Lessons" | "Questions"): Promise<void> {
  await rail(page).getByRole("radio", { name }).click();
  await expect(rail(page).getByRole("heading", { level: 2 })).toContainText(name, { timeout: 30_000 });
  await expect(rail(page).getByRole("list").first()).toBeVisible({ timeout: 30_000 });
}

async function predict(page: Page, option: string | RegExp): Promise<void> {
  const choice = rail(page).getByRole("group").getByLabel(option);
  await choice.click();
  await rail(page).getByRole("button", { name: "Check" }).click();
}

test("a lesson: predict wrong, predict right, try the change, and go back to one's own work", async ({ hopscope, page }) => {
  await hopscope.tell("cluster");
  await list(page, "Lessons");
  await expect(rail(page)).toContainText(/0 of \d+ done/);
  await rail(page).getByRole("button", { name: "Why does port 80 answer when nothing listens there?" }).click();
  await expect(rail(page).getByRole("heading", { level: 2 })).toHaveText("Why does port 80 answer when nothing listens there?");
  await expect(hopscope.node("aks-user-0")).toBeVisible();
  await expect(page).toHaveURL(/#lesson=port-80$/);

  // Nothing tells the answer before the prediction.
  const question = rail(page).getByRole("group", { name: /To which address and port/ });
  await expect(question.getByRole("radio")).toHaveCount(5);
  await expect(hopscope.panel).toContainText("Not yet: predict first");
  await expect(hopscope.outline).toHaveCount(0);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("alert").filter({ hasText: "predict first" })).toBeVisible();
  await expectAccessible(page);

  await predict(page, "NodeIP:80");
  await expect(rail(page)).toContainText("Not quite. It is: 20.50.60.70:80, as the client wrote it");
  await expect(hopscope.verdict).toContainText("delivered");

  await rail(page).getByRole("button", { name: "Next step" }).click();
  await expect(hopscope.panel).toContainText("Not yet: predict first");
  await predict(page, /straight to a pod/);
  await expect(rail(page)).toContainText("Right.");
  await expectAccessible(page);
  await rail(page).getByRole("button", { name: "Next step" }).click();
  await predict(page, /Refused: nothing listens/);
  await expect(hopscope.verdict).toContainText("refused");

  await rail(page).getByRole("button", { name: "Try this: Turn floating IP off" }).click();
  await expect(page.getByRole("button", { name: "Undo" })).toHaveAttribute("title", "Undo: Turn floating IP off");
  await predict(page, "NodeIP:NodePort");
  await expect(rail(page)).toContainText("Right.");
  await expect(rail(page).getByRole("heading", { name: "What people say" })).toBeVisible();
  await expect(rail(page).getByRole("button", { name: "Next lesson: What does kube-proxy listen on?" })).toBeVisible();

  await rail(page).getByRole("button", { name: "Back to your cluster" }).click();
  await expect(hopscope.node("aks-system-27255451-0")).toBeVisible();
  await expect(page.getByRole("button", { name: "Undo" })).toHaveAttribute("title", "Undo: Cluster: thirds, source lost");
  expect((await hopscope.shares()).map(({ exact }) => exact)).toEqual(["33.3 % (1/3)", "33.3 % (1/3)", "33.3 % (1/3)"]);
  await expect(rail(page)).toContainText(/1 of \d+ done/);
  await expect(rail(page).getByRole("button", { name: /Why does port 80 answer.*Done/ })).toBeVisible();
  await expect(page).not.toHaveURL(/#./);
});

test("a learner who changed the cluster first is graded by what it does now", async ({ hopscope, page }) => {
  await page.goto("./#lesson=port-80");
  await expect(rail(page).getByRole("group", { name: /To which address and port/ })).toBeVisible({ timeout: 30_000 });
  await hopscope.select("web");
  await hopscope.choose("Floating IP", "Off");
  await predict(page, "NodeIP:NodePort");
  await expect(rail(page)).toContainText("Right.");
});

test("a lesson by the keyboard alone, opened by its name", async ({ hopscope, page }) => {
  await page.keyboard.press("Control+k");
  await page.keyboard.type("lesson choose among pods");
  await expect(page.getByRole("listbox", { name: "Commands" }).getByRole("option").first()).toHaveText(/How does kube-proxy choose among pods\?/, { timeout: 30_000 });
  await page.keyboard.press("Enter");
  const title = rail(page).getByRole("heading", { level: 2 });
  await expect(title).toHaveText("How does kube-proxy choose among pods?", { timeout: 30_000 });
  await expect(title).toBeFocused();
  await expect(rail(page).getByRole("group")).toBeVisible();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await expect(rail(page).locator("input:checked")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(rail(page).getByText(/^(Right\.|Not quite\.)/)).toBeVisible();
  await expect(rail(page).getByRole("button", { name: /^(Next step|Try this)/ })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(title).toBeFocused();
  await expect(hopscope.panel).toContainText("Not yet: predict first");
});

test("a lesson that is not there, or has no file, is told and changes nothing", async ({ page }) => {
  await page.goto("./#lesson=..%2Fnone");
  await expect(page.getByRole("alert").filter({ hasText: "there is none called" })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("main")).toBeVisible();
});

interface Case {
  name: string;
  flows?: { outcomes: { share?: number; verdict?: string; cause?: string }[] }[];
}

const QUESTIONS = [
  "probe-http-root-404", "probe-hijacked-by-ingress", "probe-matrix", "etp-local-no-pod", "source-ip-lab",
  "etp-local-imbalance", "pool-membership", "snat-budget", "snat-reuse", "snat-second-ip", "ilb-hairpin",
  "lb-ip-from-pod", "nsg-blocks-probe", "udr-asymmetric", "drain-middle-node", "probe-shared-vs-nodeport",
  "basic-to-standard", "idle-timeout", "egress-source-ip", "pls-proxy-protocol",
];

test("each of the twenty questions is answered in two presses, and its cluster shows it", async ({ hopscope, page }) => {
  test.setTimeout(180_000);
  await list(page, "Questions");
  const titles = await rail(page).locator(".entry").allInnerTexts();
  expect(titles.length).toBeGreaterThanOrEqual(QUESTIONS.length);
  const met: string[] = [];
  for (let at = 0; at < titles.length; at++) {
    await rail(page).locator(".entry").nth(at).click();
    await expect(rail(page).getByRole("heading", { name: "See for yourself" })).toBeVisible();
    await expect(page).toHaveURL(/#question=/);
    const id = new URL(page.url()).hash.replace("#question=", "");
    met.push(id);
    const file = new URL(`../../scenarios/questions/${id}/expect.json`, import.meta.url);
    const asked = JSON.parse(readFileSync(file, "utf8")) as { answer: string; cases: Case[] };
    await expect(rail(page).locator(".answer")).toHaveText(asked.answer);
    const outcome = asked.cases[0].flows?.[0]?.outcomes[0];
    if (outcome) await expect(hopscope.verdict).toContainText(outcome.verdict ?? "delivered");
    else await expect(hopscope.panel.getByRole("table").first()).toBeVisible();
    await rail(page).getByRole("button", { name: "Back to your cluster" }).click();
    await expect(rail(page).getByRole("heading", { level: 2 })).toContainText("Questions");
  }
  expect(QUESTIONS.filter((id) => !met.includes(id)), "questions that are not listed").toEqual([]);
});
