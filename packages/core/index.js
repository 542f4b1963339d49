// The door for browsers and bundlers.
import init from "./hopscope.js";
import { indexReader, lessonReader, loader } from "./engine.js";

let started;

/** Makes the engine run; called by `load`, by hand only to say where the wasm is. One engine serves a whole page. */
export function start(wasm) {
  started ??= init({ module_or_path: wasm ?? new URL("hopscope_bg.wasm", import.meta.url) }).catch((error) => {
    started = undefined;
    throw error;
  });
  return started;
}

export const load = loader(start);
export const readLesson = lessonReader(start);
export const lessons = indexReader(start);
export { Cluster, Lesson } from "./engine.js";
export { version } from "./hopscope.js";
