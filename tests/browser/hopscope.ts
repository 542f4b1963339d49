import { type Locator, type Page, expect } from "@playwright/test";

export const TABS = ["Trace", "Shares", "Changes", "Rules", "Load balancer", "Network", "Matrix"] as const;
export type Tab = (typeof TABS)[number];

export const STORIES = {
  local: "Local: one pod gets everything",
  cluster: "Cluster: thirds, source lost",
  moved: "Move the load balancer to pool-1",
} as const;

/** What one receiver gets: the table of the tab Shares, without the drawn bars. */
export interface Share {
  pod: string;
  node: string;
  exact: string;
  run: number;
  source: string;
}

/** The page as a person sees it: every spec finds things here, by role and name. */
export class Hopscope {
  readonly page: Page;
  readonly main: Locator;
  readonly dock: Locator;
  readonly panel: Locator;
  readonly watched: Locator;
  /** What a screen reader says when something changed. */
  readonly announcer: Locator;
  readonly verdict: Locator;
  /** What the picture draws, in words. */
  readonly outline: Locator;

  constructor(page: Page) {
    this.page = page;
    this.main = page.getByRole("main");
    this.dock = page.getByRole("region", { name: "Result" });
    this.panel = this.dock.getByRole("tabpanel");
    this.watched = page.getByRole("region", { name: "Watched flows" });
    this.announcer = page.getByTestId("announcer");
    this.verdict = page.getByTestId("verdict");
    this.outline = this.main.getByRole("list", { name: "The packet's way" }).getByRole("listitem");
  }

  /** Opens the page, at `hash` if one is given, and waits for the first paint. */
  async goto(hash = ""): Promise<void> {
    await this.page.goto(`./${hash}`);
    await this.begun();
    await this.page.evaluate(() => document.fonts.ready);
  }

  /** Waits until the page stands, and not what the build left of it. */
  async begun(): Promise<void> {
    // An unoptimised page on a busy machine takes its time to start.
    await expect(this.main).toBeVisible({ timeout: 30_000 });
    await expect(this.page.locator("#first")).toHaveCount(0, { timeout: 30_000 });
  }

  /** The card of a node in the picture, by the start of its name. */
  node(name: string): Locator {
    return this.main.getByRole("button", { name: new RegExp(`^Node ${name}`) });
  }

  /** A node pool in the picture. */
  pool(name: string): Locator {
    return this.main.getByRole("button", { name: new RegExp(`^Node pool ${name},`) });
  }

  /** A pod in the picture, by the end of its name. */
  pod(suffix: string): Locator {
    return this.main.getByRole("button", { name: new RegExp(`^Pod default/\\S+-${suffix},`) });
  }

  /** The headers that the picture draws along the packet's way. */
  async capsules(): Promise<string[]> {
    const drawn = await this.main.locator("g.capsule").all();
    const texts = drawn.map((capsule) => capsule.locator("text").allTextContents());
    return (await Promise.all(texts)).map((lines) => lines.join("").replace(/\s*→\s*/, " → ").trim());
  }

  async open(tab: Tab): Promise<Locator> {
    await this.dock.getByRole("tab", { name: tab }).click();
    await expect(this.dock.getByRole("tab", { name: tab })).toHaveAttribute("aria-selected", "true");
    return this.panel;
  }

  async tell(story: keyof typeof STORIES): Promise<void> {
    const button = this.page.getByRole("button", { name: STORIES[story] });
    await button.click();
    await expect(button).toHaveAttribute("aria-pressed", "true");
  }

  /** Shows an object in the inspector. */
  async select(name: string): Promise<void> {
    await this.page.getByRole("combobox", { name: "Selected object" }).selectOption({ label: name });
  }

  /** A switch of the inspector. */
  switch(label: string): Locator {
    return this.page.getByRole("radiogroup", { name: label });
  }

  async choose(label: string, value: string): Promise<void> {
    const radio = this.switch(label).getByRole("radio", { name: value, exact: true });
    await radio.click();
    await expect(radio).toBeChecked();
  }

  async send(from: string, to: string): Promise<void> {
    await this.page.getByRole("combobox", { name: "From", exact: true }).fill(from);
    await this.page.getByRole("combobox", { name: "To", exact: true }).fill(to);
    await this.page.getByRole("button", { name: "Send", exact: true }).click();
  }

  /** The body of a table of the open tab, by its caption: the texts of the cells, row by row. */
  async rows(caption: string): Promise<string[][]> {
    const table = this.panel.getByRole("table", { name: caption, exact: true });
    await expect(table).toBeVisible();
    return table.evaluate((table) =>
      [...(table as HTMLTableElement).tBodies].flatMap((body) =>
        [...body.rows].map((row) => [...row.cells].map((cell) => (cell as HTMLElement).innerText.trim())),
      ),
    );
  }

  /** What `iptables-save` would print on a node, line by line, as the tab Rules has it. */
  async saved(node: string): Promise<string[]> {
    await this.open("Rules");
    await this.page.getByRole("combobox", { name: "Node" }).selectOption(node);
    return this.panel.locator("pre.rule-text").evaluate((pre) =>
      [...pre.childNodes].map((child) => {
        const line = child.cloneNode(true) as HTMLElement;
        for (const extra of line.querySelectorAll?.(".at, .to-object") ?? []) extra.remove();
        return line.textContent?.trim() ?? "";
      }),
    );
  }

  /** Who gets how much, as the tab Shares has it; pods by the ends of their names. */
  async shares(): Promise<Share[]> {
    await this.open("Shares");
    const rows = await this.rows("Delivered");
    return rows.map(([pod, node, , exact, run, source]) => ({
      pod: pod.slice(pod.lastIndexOf("-") + 1),
      node,
      exact,
      run: Number(run),
      source,
    }));
  }

  /** The steps of a way in the tab Trace. */
  steps(way: "Way there" | "Way back"): Locator {
    return this.panel.getByRole("region", { name: new RegExp(`^${way}`) }).getByRole("listitem").filter({
      has: this.page.getByRole("heading", { level: 5 }),
    });
  }

  /** The headings of a way's steps, without their numbers. */
  async headings(way: "Way there" | "Way back"): Promise<string[]> {
    const headings = await this.steps(way).getByRole("heading", { level: 5 }).allInnerTexts();
    return headings.map((text) => text.replace(/^\d+\s*/, "").replace(/\s*[\d.]+ %$/, "").trim());
  }

  /** A point in a card's title, where no pod lies on it. */
  async handle(card: Locator): Promise<{ x: number; y: number }> {
    await card.scrollIntoViewIfNeeded();
    const box = await card.boundingBox();
    if (!box) throw new Error("the card is not drawn");
    return { x: box.x + Math.min(40, box.width / 4), y: box.y + 12 };
  }

  /** Presses on a card and moves the pointer to a pool, without letting go. */
  async drag(card: Locator, to: Locator): Promise<void> {
    const start = await this.handle(card);
    const end = await this.handle(to);
    await this.page.mouse.move(start.x, start.y);
    await this.page.mouse.down();
    await this.page.mouse.move(end.x, end.y, { steps: 8 });
  }
}
