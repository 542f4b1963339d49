// Runs the measurements in wasm, by Node.js: `node bench.mjs FOLDER [WORD…]`. FOLDER holds what wasm-bindgen made;
// words choose cases. Prints a table in Markdown.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, ...words] = process.argv.slice(2);
const bench = createRequire(import.meta.url)(join(resolve(folder), "bench.js"));
const WHILE = 1500;

/** As many digits as can be told apart from noise. */
function amount(microseconds) {
  if (microseconds >= 10_000) return `${(microseconds / 1000).toFixed(0)} ms`;
  if (microseconds >= 1_000) return `${(microseconds / 1000).toFixed(1)} ms`;
  return `${microseconds.toFixed(microseconds < 100 ? 1 : 0)} µs`;
}

/** The median of one run, in processor time: what else the machine does counts little. What is quick is measured in
 * batches. */
function median(prepared) {
  let batch = 1;
  const once = (times) => {
    const before = process.cpuUsage();
    if (prepared.repeat(times) === 0) throw new Error("nothing was measured");
    const took = process.cpuUsage(before);
    return (took.user + took.system) / 1000;
  };
  // Processor time is counted in steps of a millisecond or more.
  while (batch < 1 << 20 && once(batch) < 20) batch *= 4;
  // Node.js compiles once more, beside the work, what is called often: until that is done, its time counts as ours.
  const cold = performance.now();
  while (performance.now() - cold < WHILE) once(batch);
  const started = performance.now();
  const times = [];
  while (times.length < 5 || (performance.now() - started < WHILE && times.length < 1000)) times.push(once(batch) / batch);
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] * 1000;
}

console.log("| what | median | budget | |\n|---|---:|---:|---|");
let missed = 0;
for (let at = 0; at < bench.count(); at++) {
  const name = bench.name(at);
  if (!words.every((word) => name.includes(word))) continue;
  const prepared = bench.Prepared.of(at);
  if (!prepared) throw new Error(`${name}: cannot be prepared`);
  const took = median(prepared);
  prepared.free();
  const budget = bench.budget(at);
  const verdict = budget === 0 ? "" : took <= budget ? "kept" : `${(took / budget).toFixed(1)} × too long`;
  if (budget !== 0 && took > budget) missed++;
  console.log(`| ${name} | ${amount(took)} | ${budget === 0 ? "" : amount(budget)} | ${verdict} |`);
}
const memory = bench.__wasm?.memory ?? bench.memory;
if (memory) console.log(`\nMemory at the end: ${(memory.buffer.byteLength / 2 ** 20).toFixed(0)} MiB.`);
console.log(missed === 0 ? "\nEvery budget is kept." : `\n${missed} budgets are missed.`);
