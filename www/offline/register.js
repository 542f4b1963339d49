// Keeps the page for when there is no network. A host without secure connections has no worker, and needs none.
if ("serviceWorker" in navigator) {
  addEventListener("load", () => navigator.serviceWorker.register("sw.js").catch(() => {}));
}
