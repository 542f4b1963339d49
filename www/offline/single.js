// Starts the page from one file: what other hosts serve as files lies packed in this document.
const page = "PAGE";
const reader = "READER";

async function packed(id) {
  const text = atob(document.getElementById(`packed-${id}`).textContent);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

let read;
let texts;
globalThis.hopscope = {
  reader: () => (read ??= packed("reader").then((bytes) => reader.default({ module_or_path: bytes })).then(() => (door, question) => reader[door](question))),
  text: async (path) => {
    texts ??= packed("texts").then((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
    const text = (await texts)[path];
    if (text === undefined) throw new Error(`${path} is not part of this file`);
    return text;
  },
};

try {
  await page.default({ module_or_path: await packed("page") });
} catch (error) {
  const notice = document.createElement("p");
  notice.setAttribute("role", "alert");
  notice.textContent = `Hopscope could not start: ${error.message ?? error}`;
  document.getElementById("app").replaceChildren(notice);
  throw error;
}
