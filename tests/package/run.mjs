// Runs in an empty project into which the package was installed: the README's example, then what it promises.
// The last line is "N passed, N failed".
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const root = process.argv[2];
const folder = "node_modules/@hopscope/core";
const text = (name) => readFileSync(`${folder}/${name}`, "utf8");
const { load, lessons, readLesson, start, version } = await import(new URL(`${folder}/node.js`, `file://${process.cwd()}/`));
const caveat = () =>
  ["cluster", "nodes", "pods", "service"].map((name) => ({
    name: `${name}.yaml`,
    text: readFileSync(`${root}/examples/caveat/${name}.yaml`, "utf8"),
  }));
const FLOW = "198.51.100.7 -> svc/default/echo-service:80";
await start();

const tests = {
  "the README's example prints what it says": () => {
    const [, example] = text("README.md").match(/```js\n([\s\S]*?)```/);
    const expected = [...example.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line).join("\n");
    writeFileSync("example.mjs", example);
    const printed = execFileSync("node", ["example.mjs"], { encoding: "utf8" });
    assert.equal(printed.trim(), expected);
  },
  "the package is complete, and its names and version are the project's": () => {
    const own = JSON.parse(text("package.json"));
    const files = Object.values(own.exports).flatMap((entry) => (typeof entry === "string" ? entry : Object.values(entry)));
    for (const file of files) if (!file.includes("*")) assert.ok(existsSync(`${folder}/${file}`), file);
    for (const file of ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "frame.html", "lessons/port-80/lesson.yaml"]) {
      assert.ok(existsSync(`${folder}/${file}`), file);
    }
    assert.equal(own.version, version());
    const cargo = readFileSync(`${root}/Cargo.toml`, "utf8");
    assert.match(cargo, new RegExp(`\\[workspace\\.package\\]\\nversion = "${own.version}"`));
    assert.ok(createRequire(`${process.cwd()}/x.js`).resolve("@hopscope/core/hopscope.wasm"));
  },
  "answers are those of the command line's example": async () => {
    const cluster = await load(caveat());
    const { outcomes } = cluster.paths(FLOW);
    assert.equal(outcomes.length, 1);
    assert.equal(outcomes[0].endpoint.pod, "default/echo-deployment-78dc57c76d-58mz5");
    assert.equal(outcomes[0].sourceSeen, "198.51.100.7");
    assert.equal(cluster.trace(FLOW, { seed: 3 }).outcomes.length, 1);
    const { rows } = cluster.run(FLOW, { requests: 100, seed: 1 });
    assert.deepEqual(rows.map((row) => row.count), [100, 0, 0]);
  },
  "an edit can be tried, made and taken back": async () => {
    const cluster = await load(caveat());
    const before = cluster.yaml();
    const edit = { edit: "setExternalTrafficPolicy", service: "default/echo-service", policy: "Cluster" };
    const { changed, after } = cluster.diff(edit, FLOW);
    assert.ok(changed);
    assert.equal(after.outcomes.length, 3);
    assert.equal(cluster.yaml(), before);
    const other = cluster.copy();
    const undo = cluster.apply(edit);
    assert.equal(cluster.paths(FLOW).outcomes.length, 3);
    assert.equal(other.paths(FLOW).outcomes.length, 1);
    cluster.apply(undo);
    assert.equal(cluster.yaml(), before);
    assert.throws(() => cluster.apply({ edit: "moveNode", node: "none", pool: "system" }), /none/);
    assert.throws(() => cluster.apply({ edit: "nonsense" }), /nonsense/);
    assert.equal(cluster.yaml(), before);
  },
  "who reaches whom can be asked, and what differs between two clusters": async () => {
    const cluster = await load(caveat());
    const to = "svc/default/echo-service:80";
    const all = cluster.matrix();
    assert.ok(all.targets.includes(to) && all.clients.length > 1 && all.rows.length === all.clients.length);
    const one = cluster.matrix({ from: ["198.51.100.7"], to: [to, "svc/default/echo-service:81/udp"] });
    assert.deepEqual([one.clients, one.targets], [["198.51.100.7"], [to, "svc/default/echo-service:81/udp"]]);
    assert.equal(one.rows[0][0].delivered, 1);
    assert.equal(one.rows[0][1].delivered, 0);
    const other = cluster.copy();
    other.apply({ edit: "remove", object: { kind: "Service", namespace: "default", name: "echo-service" } });
    const [change] = cluster.diff(other, { from: ["198.51.100.7"], to: [to] });
    assert.deepEqual([change.from, change.to, change.kind], ["198.51.100.7", to, "removed"]);
    assert.deepEqual(cluster.diff(cluster.copy()), []);
    assert.throws(() => cluster.matrix({ to: ["nowhere"] }), /nowhere/);
    assert.throws(() => cluster.matrix({ form: [] }), /form/);
  },
  "expectations are checked": async () => {
    const cluster = await load(caveat());
    assert.deepEqual(cluster.check({ verdict: "delivered", sourceSeen: "198.51.100.7" }, FLOW), []);
    assert.equal(cluster.check({ verdict: "dropped" }, FLOW)[0].found, "delivered");
    assert.throws(() => cluster.check({ verdcit: "dropped" }, FLOW), /verdcit/);
  },
  "pictures are drawn": async () => {
    const cluster = await load(caveat());
    assert.match(cluster.render(FLOW, { title: "<b>" }), /^<svg[\s\S]*<title>&lt;b&gt;<\/title>/);
    assert.match(cluster.render(), /^<svg/);
    assert.match(cluster.render(FLOW, { format: "mermaid" }), /^sequenceDiagram/);
    assert.match(cluster.render(FLOW, { format: "text" }), /KUBE-SEP/);
    assert.throws(() => cluster.render(FLOW, { branch: 7 }), /no branch 7/);
    assert.throws(() => cluster.render(FLOW, { theme: "pink" }), /pink/);
    assert.throws(() => cluster.render(null, { format: "text" }), /there is none/);
  },
  "bad input is refused with its line, and leaves the engine usable": async () => {
    await assert.rejects(load("kind: Nonsense\napiVersion: v1\n"), /input:\d+: error/);
    await assert.rejects(load("a: [\n"), /error/);
    await assert.rejects(load([{ name: "x.yaml" }]), TypeError);
    await assert.rejects(load(undefined), TypeError);
    const cluster = await load(caveat());
    assert.throws(() => cluster.paths("nonsense"), /is not a flow/);
    assert.throws(() => cluster.paths({ from: "198.51.100.7" }), /to/);
    assert.throws(() => cluster.paths("198.51.100.7 -> svc/default/none:80"), /no Service default\/none/);
    assert.throws(() => cluster.run(FLOW, { requests: 0 }), RangeError);
    assert.equal(cluster.paths(FLOW).outcomes.length, 1);
  },
  "a lesson can be taken": async () => {
    const course = await lessons();
    assert.ok(course.length >= 20);
    for (const { id } of course) {
      const file = (name) => text(`lessons/${id}/${name}.yaml`);
      const lesson = await readLesson({ lesson: file("lesson"), cluster: file("cluster") });
      assert.ok(lesson.steps.length > 0, id);
      for (const index of lesson.steps.keys()) {
        const posed = lesson.pose(index);
        if (!posed) continue;
        const right = posed.options.flatMap(({ right }, at) => (right ? [at] : []));
        assert.equal(lesson.grade(index, right).right, true, `${id} ${index}`);
        assert.equal(lesson.grade(index, [99]).right, false, `${id} ${index}`);
      }
    }
  },
  "the types name every word that the engine says": async () => {
    const types = text("index.d.ts");
    for (const file of ["caveat", "caveat-cluster"]) {
      const files = ["cluster", "nodes", "pods", "service"].map((name) => readFileSync(`${root}/examples/${file}/${name}.yaml`, "utf8"));
      const cluster = await load(files);
      for (const flow of [FLOW, "10.224.0.77 -> node/aks-system-27255451-0:80", "198.51.100.7 -> 10.224.0.4:80"]) {
        const seen = new Set();
        const walk = (value, under) => {
          if (Array.isArray(value)) value.forEach((item) => walk(item, under));
          else if (value && typeof value === "object") {
            for (const [key, inner] of Object.entries(value)) {
              seen.add(key);
              walk(inner, key);
            }
          } else if (value !== null && (under === "verdict" || under === "owner")) assert.match(types, new RegExp(`"${value}"`), String(value));
        };
        walk(cluster.paths(flow), "");
        walk(cluster.run(flow), "");
        const other = cluster.copy();
        other.apply({ edit: "setPodReady", pod: "default/echo-deployment-78dc57c76d-58mz5", ready: false });
        const reach = { from: ["198.51.100.7"], to: ["svc/default/echo-service:80"] };
        walk(other.matrix(reach), "");
        walk(cluster.diff(other, reach), "");
        for (const key of seen) assert.match(types, new RegExp(`\\b${key}\\??:`), key);
      }
    }
  },
};

let [passed, failed] = [0, 0];
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n${error.stack ?? error}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
