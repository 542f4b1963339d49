// Starts the page, and its second wasm when the page asks for it. Trunk names the built files of the page, with their
// digests, in the head's preload links.
const glue = document.querySelector('link[rel="modulepreload"]');
const wasm = document.querySelector('link[rel="preload"][type="application/wasm"]');

// What is fetched later goes by names with digests too, so that no page ever meets a part of another version.
const part = (name) => document.querySelector(`meta[name="part-${name}"]`).content;

// What the first picture does not need of the page's wasm, cut from it when the page was built (crates/split). It works
// on the first one's memory and is fetched right behind it; what is called before it is there has it fetched at once.
const rest = new URL(`${part("rest")}_bg.wasm`, import.meta.url);
const notice = (place, text) => {
  const paragraph = document.createElement("p");
  paragraph.setAttribute("role", "alert");
  paragraph.textContent = text;
  place.prepend(paragraph);
};
const join = (first, module) => {
  if (first.here.value) return;
  new WebAssembly.Instance(module, { first });
  first.here.value = 1;
};
const fetchRest = async () => {
  const response = await fetch(rest);
  if (!response.ok) throw new Error(`${rest}: ${response.status} ${response.statusText}`.trim());
  return WebAssembly.compile(await response.arrayBuffer());
};
// The rest where it is at hand before the page starts.
let kept;
let told = false;
const fetchRestNow = (first) => {
  if (kept) return join(first, kept);
  const request = new XMLHttpRequest();
  request.open("GET", rest, false);
  // Bytes as characters: a request that is waited for gives no others.
  request.overrideMimeType("text/plain; charset=x-user-defined");
  try {
    request.send();
    if (request.status >= 400) throw new Error(`${request.status} ${request.statusText}`.trim());
  } catch (error) {
    if (!told) notice(document.body, `A part of the page could not be fetched: ${error.message}. Reload the page when the host answers.`);
    told = true;
    throw error;
  }
  join(first, new WebAssembly.Module(Uint8Array.from(request.responseText, (character) => character.charCodeAt(0) & 255)));
};
let started;
const whole = new Promise((resolve) => (started = resolve));

// The second wasm computes, reads and writes documents and links, and teaches.
let engineroom;
let attempt = 0;
const loadEngineroom = async () => {
  await whole;
  const query = attempt ? `?${attempt}` : "";
  const { default: init, ...doors } = await import(`./${part("engineroom")}.js${query}`);
  await init({ module_or_path: new URL(`${part("engineroom")}_bg.wasm`, import.meta.url) });
  // What it is asked first is long enough by itself.
  await new Promise((turn) => setTimeout(turn));
  return (door, question) => {
    try {
      return doors[door](question);
    } catch (error) {
      forgetEngineroom();
      throw error;
    }
  };
};
// Browsers keep the outcome of an import, so that the next attempt needs another name.
const forgetEngineroom = () => {
  engineroom = undefined;
  attempt += 1;
};
globalThis.hopscope = {
  // Called by the first part of the page's wasm, with its exports, where it needs the rest.
  later: fetchRestNow,
  // A promise of the function that answers the page's questions, at one of the engine room's doors.
  engineroom: () =>
    (engineroom ??= loadEngineroom().catch((error) => {
      forgetEngineroom();
      throw error;
    })),
  // A worker with an engine room of its own; `www/worker.js` has what is said with it.
  worker: () => {
    const room = (end) => new URL(part("engineroom") + end, import.meta.url).href;
    const worker = new Worker(new URL(`${part("worker")}.js`, import.meta.url), { type: "module" });
    worker.postMessage({ glue: room(".js"), wasm: room("_bg.wasm") });
    return worker;
  },
  // A promise of the text of a file beside the page.
  text: async (path) => {
    const response = await fetch(new URL(`${path}?${part("texts")}`, import.meta.url));
    if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`.trim());
    return response.text();
  },
  // Opens the dialog that writes figures for other pages.
  embed: async (...what) => (await import(`./${part("embed")}.js`)).open(...what),
};

// What the build left of the first drawing stands until the page's own does, with its result, which follows the paint.
const app = document.getElementById("app");
const first = document.getElementById("first");
new MutationObserver((_, observer) => {
  if (!app.querySelector(".dock > *")) return;
  first.remove();
  observer.disconnect();
}).observe(app, { childList: true, subtree: true });

// It is painted before the page's code takes the thread. A tab that nobody looks at paints nothing.
const isSeen = first.firstChild && !document.documentElement.classList.contains("elsewhere");
const painted = isSeen && new Promise((resolve) => {
  new PerformanceObserver(resolve).observe({ type: "paint", buffered: true });
  setTimeout(resolve, 1000);
});

try {
  const [{ default: init }] = await Promise.all([import(glue.href), painted]);
  // A visit that the worker serves has all of it at hand, and a request that is waited for would pass the worker by.
  kept = navigator.serviceWorker?.controller && (await fetchRest().catch(() => {}));
  const exports = await init({ module_or_path: wasm.href });
  if (kept) join(exports, kept);
  // Where that fails, what needs the rest asks for it again.
  started(exports.here && !kept && fetchRest().then((module) => join(exports, module)).catch(() => {}));
} catch (error) {
  first.remove();
  app.replaceChildren();
  notice(app, `Hopscope could not start: ${error.message ?? error}`);
  throw error;
}
