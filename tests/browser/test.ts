import AxeBuilder from "@axe-core/playwright";
import { type Page, test as base, expect } from "@playwright/test";
import { Hopscope } from "./hopscope.ts";

export { expect };

/** Collects all that a page says on its console, and every error and failed request, from now on. */
export function listen(page: Page): string[] {
  const messages: string[] = [];
  page.on("console", (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => messages.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // What is still on its way when a test leaves or reloads the page is cut off, and is no fault of the page's.
    if (why !== "net::ERR_ABORTED") messages.push(`failed: ${request.url()} ${why}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) messages.push(`${response.status()}: ${response.url()}`);
  });
  return messages;
}

/** Fails if anything was said. */
export function expectNoConsole(messages: string[]): void {
  expect(messages, "the page's console must stay empty").toEqual([]);
}

/** Fails if axe finds a violation in the page as it is now; prints each with the elements it is about. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(
    ({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => `  ${html}`).join("\n")}`,
  );
  expect(found, "axe must find no violations").toEqual([]);
}

/**
 * Like Playwright's `test`. Each test has the page as `hopscope`, opened, and fails if the console is not empty
 * at its end.
 */
export const test = base.extend<{ hopscope: Hopscope }>({
  hopscope: async ({ page }, use) => {
    const messages = listen(page);
    const hopscope = new Hopscope(page);
    await hopscope.goto();
    await use(hopscope);
    expectNoConsole(messages);
  },
});
