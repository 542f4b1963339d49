import { expect, test } from "@playwright/test";
import { Hopscope, STORIES, TABS } from "../hopscope.ts";
import { out } from "../playwright.base.ts";

/** What to take a picture of: a name for the file, and the way there from the first paint. */
const views: { name: string; open: (hopscope: Hopscope) => Promise<void> }[] = [
  { name: "first-paint", open: async () => {} },
  ...(Object.keys(STORIES) as (keyof typeof STORIES)[]).flatMap((story) =>
    TABS.map((tab) => ({
      name: `${story}-${tab.toLowerCase().replace(" ", "-")}`,
      open: async (hopscope: Hopscope) => {
        await hopscope.tell(story);
        await hopscope.open(tab);
      },
    })),
  ),
  { name: "compare", open: (hopscope) => hopscope.page.getByRole("button", { name: "Compare" }).click() },
  {
    name: "worse",
    open: async (hopscope) => {
      await hopscope.select("echo-deployment-78dc57c76d-58mz5");
      await hopscope.choose("Readiness", "Not ready");
    },
  },
  {
    name: "moved-node",
    open: async (hopscope) => {
      await hopscope.node("aks-pool-1-27255451-0").focus();
      await hopscope.page.keyboard.press("m");
      await hopscope.page.getByRole("menuitem", { name: /^Move to node pool system\./ }).click();
      await hopscope.open("Changes");
    },
  },
  {
    name: "picture",
    open: async ({ main }) => main.evaluate((stage) => stage.scrollIntoView()),
  },
  {
    name: "written",
    open: async (hopscope) => {
      await hopscope.tell("cluster");
      await hopscope.open("Rules");
      await hopscope.switch("Form").getByRole("radio", { name: "Last edit" }).click();
    },
  },
  {
    name: "given",
    open: async (hopscope) => {
      const own = await hopscope.saved("aks-system-27255451-0");
      await hopscope.switch("Form").getByRole("radio", { name: "Real node" }).click();
      await hopscope.panel.getByRole("textbox", { name: "Or paste" }).fill(own.filter((line) => !line.includes("-j DNAT")).join("\n"));
      await hopscope.panel.getByRole("button", { name: "Use these rules" }).click();
      await hopscope.panel.locator(".lacks").first().waitFor();
    },
  },
  {
    name: "edit",
    open: async ({ page }) => {
      await page.getByText("YAML", { exact: true }).click();
      await page.getByRole("button", { name: "Edit", exact: true }).click();
      const field = page.getByRole("textbox", { name: "Document" });
      await field.fill((await field.inputValue()).replace("Policy: Local", "Policy: Lokal"));
      await page.getByRole("button", { name: "Apply" }).click();
      await page.getByTestId("diagnostics").getByRole("listitem").first().waitFor();
    },
  },
  {
    name: "history",
    open: async (hopscope) => {
      await hopscope.tell("cluster");
      await hopscope.tell("moved");
      await hopscope.page.getByRole("button", { name: "Undo" }).click();
      await hopscope.page.getByRole("button", { name: "History" }).click();
    },
  },
  {
    name: "lessons",
    open: async ({ page }) => {
      await page.getByRole("radio", { name: "Lessons" }).click();
      await page.locator(".entry").first().waitFor();
    },
  },
  {
    name: "lesson-asked",
    open: async ({ page }) => {
      await page.goto("./#lesson=port-80");
      await page.locator(".question .option").first().waitFor();
    },
  },
  {
    name: "lesson-told",
    open: async ({ page }) => {
      await page.goto("./#lesson=one-pod-gets-all");
      await page.locator(".question .option").first().click();
      await page.getByRole("button", { name: "Check" }).click();
      await page.locator(".told-step").waitFor();
    },
  },
  {
    name: "question",
    open: async ({ page }) => {
      await page.goto("./#question=source-ip-lab");
      await page.getByRole("heading", { name: "See for yourself" }).waitFor();
    },
  },
  { name: "share", open: ({ page }) => page.getByRole("button", { name: "Share…" }).click() },
  { name: "commands", open: ({ page }) => page.keyboard.press("Control+k") },
  { name: "help", open: ({ page }) => page.getByRole("button", { name: "Help" }).click() },
  { name: "add", open: ({ page }) => page.getByRole("button", { name: "Add an object" }).click() },
  {
    name: "refused",
    open: async ({ page }) => {
      await page.getByRole("button", { name: "Open…" }).click();
      await page.getByRole("textbox", { name: "Or paste" }).fill("apiVersion: v1\nkind: Nod\nmetadata:\n  name: x\n");
      await page.getByRole("button", { name: "Open what is pasted" }).click();
      await page.getByTestId("diagnostics").getByRole("listitem").first().waitFor();
    },
  },
];

for (const { name, open } of views) {
  test(name, async ({ page }, { project }) => {
    const hopscope = new Hopscope(page);
    await hopscope.goto();
    await open(hopscope);
    // What is still being computed or made ready is no view.
    await expect(page.getByText(/is being loaded…|^Getting ready…$|^Comparing…$/)).toHaveCount(0, { timeout: 30_000 });
    await page.screenshot({ path: `${out}/gallery/${name}-${project.name}.png` });
    await page.screenshot({ path: `${out}/gallery/${name}-${project.name}-whole.png`, fullPage: true });
  });
}
