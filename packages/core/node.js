// The door for Node.js: the wasm lies beside this file.
import { readFile } from "node:fs/promises";
import init from "./hopscope.js";
import { indexReader, lessonReader, loader } from "./engine.js";

let started;

/** Makes the engine run; called by `load`, by hand only to give other bytes. */
export function start(wasm) {
  started ??= (async () => {
    const bytes = wasm ?? (await readFile(new URL("hopscope_bg.wasm", import.meta.url)));
    await init({ module_or_path: bytes });
  })();
  return started;
}

export const load = loader(start);
export const readLesson = lessonReader(start);
export const lessons = indexReader(start);
export { Cluster, Lesson } from "./engine.js";
export { version } from "./hopscope.js";
