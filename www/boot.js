// Starts the page. Trunk names the built files, with their digests, in the head's preload links.
const glue = document.querySelector('link[rel="modulepreload"]');
const wasm = document.querySelector('link[rel="preload"][type="application/wasm"]');

try {
  const { default: init } = await import(glue.href);
  await init({ module_or_path: wasm.href });
} catch (error) {
  const notice = document.createElement("p");
  notice.setAttribute("role", "alert");
  notice.textContent = `Hopscope could not start: ${error.message ?? error}`;
  document.getElementById("app").replaceChildren(notice);
  throw error;
}
