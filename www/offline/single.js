// Starts the page from one file: what other hosts serve as files lies packed in this document.
"UNPACK";

/** Where each part begins and ends. */
const places = "PLACES";
const block = document.getElementById("packed");
const decode = unpack.decoder(unpack.bytesOf(block.textContent), Math.max(...Object.values(places).flat()));
block.remove();

/** The texts of a packed part by name, and the wasm that follows them. */
function packed(name) {
  const [begin, behind] = places[name];
  const bytes = decode(behind).subarray(begin, behind);
  const end = bytes.indexOf(0);
  const { plan, ...texts } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return { ...texts, bytes: plan && unpack.join(bytes.subarray(end + 1), plan) };
}

/** What a module exports, its text being one expression. From a disk no module can be fetched, not even from memory. */
function run(text) {
  const script = document.createElement("script");
  script.textContent = `globalThis.hopscope.ran = ${text}`;
  document.head.append(script);
  script.remove();
  const { ran } = globalThis.hopscope;
  delete globalThis.hopscope.ran;
  return ran;
}

let engineroom;
let texts;
let dialog;
const text = (path) => {
  const found = (texts ??= packed("texts")).files[path];
  if (found === undefined) throw new Error(`${path} is not part of this file`);
  return found;
};
const loadEngineroom = async () => {
  const { glue, bytes } = packed("engineroom");
  const { default: init, ...doors } = run(glue);
  await init({ module_or_path: bytes });
  return (door, question) => doors[door](question);
};
globalThis.hopscope = {
  engineroom: () =>
    (engineroom ??= loadEngineroom().catch((error) => {
      engineroom = undefined;
      throw error;
    })),
  worker: () => {
    const { glue, bytes } = packed("engineroom");
    const code = [`globalThis.room = ${glue};\n`, text("worker.js")];
    const worker = new Worker(URL.createObjectURL(new Blob(code, { type: "text/javascript" })));
    worker.postMessage({ wasm: bytes });
    return worker;
  },
  text: async (path) => text(path),
  embed: async (...what) => (dialog ??= run(text("embed.js"))).open(...what),
};

try {
  const { glue, style, bytes } = packed("page");
  const sheet = document.createElement("style");
  sheet.textContent = style;
  document.head.append(sheet);
  await run(glue).default({ module_or_path: bytes });
} catch (error) {
  const notice = document.createElement("p");
  notice.setAttribute("role", "alert");
  notice.textContent = `Hopscope could not start: ${error.message ?? error}`;
  document.getElementById("app").replaceChildren(notice);
  throw error;
}
