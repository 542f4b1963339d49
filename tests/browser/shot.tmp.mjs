import { chromium } from "@playwright/test";
const [,, out, width, height, scheme, ...steps] = process.argv;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: +width, height: +height }, colorScheme: scheme, reducedMotion: "reduce", locale: "en-GB", permissions:["clipboard-read","clipboard-write"] });
const page = await context.newPage();
page.on("console", m => console.log("console", m.type(), m.text()));
page.on("pageerror", e => console.log("pageerror", e.message));
const t = Date.now();
await page.goto(process.env.URL ?? "http://127.0.0.1:8177/");
await page.getByRole("main").waitFor({ timeout: 60000 });
await page.waitForTimeout(400);
let n = 0;
for (const step of steps) {
  if (step.startsWith("shot:")) { await page.waitForTimeout(250); await page.screenshot({ path: `${out}-${step.slice(5)}.png`, fullPage: step.endsWith("full") }); }
  else if (step.startsWith("js:")) console.log(await page.evaluate(step.slice(3)));
  else { const f = new Function("page", `return (async()=>{ ${step} })()`); await f(page).catch(e => console.log("step failed", step, e.message.slice(0,300))); }
}
await browser.close();
