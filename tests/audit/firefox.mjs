// A smoke pass in Firefox, the machine's own: `npm run firefox`, the page served beside it (`cargo xtask serve`;
// HOPSCOPE_URL names another address). Playwright drives only a Firefox of its own, hence WebDriver BiDi.
import { existsSync } from "node:fs";
import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

const address = process.env.HOPSCOPE_URL ?? "http://127.0.0.1:8080/";
const places = [process.env.FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"];
const firefox = places.find((place) => place && existsSync(place));
if (!firefox) {
  console.log("skipped: there is no Firefox; install firefox-esr, or name one by FIREFOX");
  process.exit(0);
}

// The window's own size: Firefox 140 does not know all that Puppeteer asks for with another one.
const window = { defaultViewport: null, args: ["--width=1440", "--height=900"] };
const browser = await puppeteer.launch({ browser: "firefox", executablePath: firefox, headless: true, ...window });
try {
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  const text = (selector) => page.$eval(selector, (element) => element.textContent);
  // Puppeteer's own wait makes a function of text, which the page's policy forbids.
  const waitFor = async (words, selector) => {
    const until = Date.now() + 60_000;
    const isThere = (words, selector) => document.querySelector(selector)?.textContent.includes(words);
    while (!(await page.evaluate(isThere, words, selector))) {
      assert.ok(Date.now() < until, `${selector} does not say ${words}`);
      await new Promise((turn) => setTimeout(turn, 100));
    }
  };
  const press = async (name) => (await page.waitForSelector(`::-p-aria([name="${name}"])`)).click();

  await page.goto(address);
  await waitFor("delivered", "[data-testid=verdict]");
  const version = await browser.version();

  // An edit, and what it does to the picture and the shares.
  await press("Cluster: thirds, source lost");
  await waitFor("33.3 / 33.3 / 33.3", ".watched");
  await press("Shares");
  await waitFor("33.3 % (1/3)", "[role=tabpanel]");
  await press("Undo");
  await waitFor("100 / 0 / 0", ".watched");

  // The second wasm: a lesson, predicted, told, left.
  await page.goto(`${address}#lesson=port-80`);
  await page.reload();
  await page.waitForSelector(".question input", { timeout: 60_000 });
  await page.click(".question .option");
  await page.click(".question button");
  await waitFor("Right.", ".told-step");
  await press("← Back to your cluster");
  await waitFor("1 of 4 steps", ".rail");

  // A document that is refused with its line.
  await press("Open…");
  await page.type("dialog textarea", "apiVersion: v1\nkind: Nod\nmetadata:\n  name: x\n");
  await page.click("dialog button[type=submit]");
  await waitFor("did you mean Node?", "[data-testid=diagnostics]");
  await page.keyboard.press("Escape");

  assert.deepEqual(said, [], "the console must stay empty");
  assert.ok((await text("h1")).includes("Hopscope"));
  console.log(`${version}: opened, edited, undone, a lesson taken, a document refused; the console is empty`);
} finally {
  await browser.close();
}
