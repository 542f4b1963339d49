import { type Locator, type Page, expect } from "@playwright/test";

/** The page as a person sees it: every spec finds things here, by role and name. */
export class Hopscope {
  readonly page: Page;
  readonly main: Locator;

  constructor(page: Page) {
    this.page = page;
    this.main = page.getByRole("main");
  }

  /** Opens the page, at `hash` if one is given, and waits for the first paint. */
  async goto(hash = ""): Promise<void> {
    await this.page.goto(`./${hash}`);
    await expect(this.main).toBeVisible();
    await this.page.evaluate(() => document.fonts.ready);
  }
}
