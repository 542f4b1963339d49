// Keeps one whole version of the page. The page itself is asked of the network first, so that a visit with network
// has the newest; its parts have digests in their names and are taken from what is kept. A new version takes over
// when the last tab of the old one is closed, so that no tab ever holds parts of two.
const version = "VERSION";
const files = ["FILES"];
const name = `hopscope-${version}`;
/** Milliseconds until a network that does not answer counts as none. */
const PATIENCE = 4000;

self.addEventListener("install", (event) => {
  // Asked anew, since a browser's own cache may hold what an older version had under the same name.
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(files.map((file) => new Request(file, { cache: "reload" })))));
});

self.addEventListener("activate", (event) => {
  const outdated = (key) => key.startsWith("hopscope-") && key !== name;
  event.waitUntil(caches.keys().then((keys) => Promise.all(keys.filter(outdated).map((key) => caches.delete(key)))));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || !url.href.startsWith(registration.scope)) return;
  const home = new URL("./", registration.scope);
  const isPage = url.pathname === home.pathname || url.pathname === `${home.pathname}index.html`;
  event.respondWith(request.mode === "navigate" && isPage ? fresh(request, home) : kept(request));
});

async function fresh(request, home) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    return (await caches.match(home.href, { cacheName: name, ignoreSearch: true })) ?? Response.error();
  }
}

async function kept(request) {
  return (await caches.match(request, { cacheName: name, ignoreSearch: true })) ?? fetch(request);
}
