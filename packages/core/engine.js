// What browsers, bundlers and Node share. `start` makes the wasm run, once.
import * as wasm from "./hopscope.js";

/** Most characters of input; the engine itself reads up to 64 MiB. */
const MOST = 64 * 1024 * 1024;

/** @returns {(input: unknown) => Promise<Cluster>} */
export function loader(start) {
  return async function load(input) {
    const files = filesOf(input);
    await start();
    return new Cluster(wasm.Cluster.load(files));
  };
}

function filesOf(input) {
  const list = Array.isArray(input) ? input : [input];
  const files = list.map((file, index) =>
    typeof file === "string" ? { name: list.length > 1 ? `input ${index + 1}` : "input", text: file } : file,
  );
  for (const file of files) {
    if (typeof file?.name !== "string" || typeof file?.text !== "string") {
      throw new TypeError("load wants YAML or JSON text, or a list of { name, text }");
    }
    if (file.text.length > MOST) throw new RangeError(`${file.name}: the file is too large`);
  }
  return files;
}

export class Cluster {
  #inner;

  constructor(inner) {
    this.#inner = inner;
  }

  /** The wasm object, for the lesson player. */
  get inner() {
    return this.#inner;
  }
  get remarks() {
    return this.#inner.remarks();
  }
  get objects() {
    return this.#inner.objects();
  }
  copy() {
    return new Cluster(this.#inner.copy());
  }
  yaml() {
    return this.#inner.yaml();
  }
  apply(edit) {
    return this.#inner.apply(edit);
  }
  paths(flow, { fold = false } = {}) {
    return this.#inner.paths(flow, fold);
  }
  trace(flow, { seed = 1 } = {}) {
    return this.#inner.trace(flow, seed);
  }
  run(flow, { requests = 100, seed = 1 } = {}) {
    if (!Number.isInteger(requests) || requests < 1 || requests > 10_000_000) {
      throw new RangeError("requests is a whole number from 1 to 10,000,000");
    }
    return this.#inner.run(flow, requests, seed);
  }
  matrix(reach) {
    return this.#inner.matrix(reach);
  }
  diff(edit, flows) {
    if (edit instanceof Cluster) return this.#inner.changes(edit.inner, flows);
    const list = Array.isArray(flows) ? flows : [flows];
    const differences = this.#inner.diff(edit, list);
    return Array.isArray(flows) ? differences : differences[0];
  }
  check(expect, flow) {
    return this.#inner.check(expect, flow);
  }
  render(flow, options) {
    return this.#inner.render(flow ?? undefined, options);
  }
  free() {
    this.#inner.free();
  }
}

/** @returns {(texts: { lesson: string, cluster: string }) => Promise<Lesson>} */
export function lessonReader(start) {
  return async function readLesson({ lesson, cluster }) {
    await start();
    return new Lesson(wasm.Course.read(lesson, cluster));
  };
}

export function indexReader(start) {
  return async function lessons() {
    await start();
    return wasm.Course.index();
  };
}

export class Lesson {
  #inner;
  #lesson;

  constructor(inner) {
    this.#inner = inner;
    this.#lesson = inner.lesson();
  }
  get title() {
    return this.#lesson.title;
  }
  get chapter() {
    return this.#lesson.chapter;
  }
  get idea() {
    return this.#lesson.idea;
  }
  get steps() {
    return this.#lesson.steps;
  }
  get claims() {
    return this.#lesson.claims ?? [];
  }
  cluster(step = 0) {
    return new Cluster(this.#inner.cluster(step));
  }
  pose(step, cluster = this.cluster(step)) {
    return this.#inner.pose(step, cluster.inner) ?? null;
  }
  grade(step, picked, cluster = this.cluster(step)) {
    return this.#inner.grade(step, cluster.inner, Uint32Array.from(picked)) ?? null;
  }
}
