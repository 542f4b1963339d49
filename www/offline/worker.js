// Keeps one whole version of the page. The page itself is asked of the network first, so that a visit with network
// has the newest; its parts have digests in their names, or in the query that they are asked with, and are taken from
// what is kept. So a newer page never gets an older part. A new version takes over when the last tab of the old one is
// closed, and what the old one kept is thrown away then.
const version = "VERSION";
const files = ["FILES"];
// Another copy of the page on the same host, under another path, keeps its own.
const family = `hopscope ${new URL("./", location.href).pathname} `;
const name = family + version;
const figures = `${family}figures`;
/** Milliseconds until a network that does not answer counts as none. */
const PATIENCE = 4000;

self.addEventListener("install", (event) => {
  // Asked anew, since a browser's own cache may hold what an older version had under the same name.
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(files.map((file) => new Request(file, { cache: "reload" })))));
});

self.addEventListener("activate", (event) => {
  const outdated = (key) => key.startsWith(family) && key !== name && key !== figures;
  const tidied = caches.keys().then((keys) => Promise.all(keys.filter(outdated).map((key) => caches.delete(key))));
  // The tab of the first visit is served from now on, too.
  event.waitUntil(tidied.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || !url.href.startsWith(registration.scope)) return;
  const path = url.href.slice(registration.scope.length).replace(/[?#].*/, "");
  const lasting = url.search !== "" || /-[0-9a-f]{12,16}[._]/.test(path);
  if (path.startsWith("embed/")) event.respondWith(figure(request));
  else if (lasting && request.mode !== "navigate") event.respondWith(kept(request));
  else event.respondWith(fresh(request, path === "index.html" ? "" : path));
});

/** What may have changed under its name: as the network has it, or else as it is kept. */
async function fresh(request, path) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    const address = new URL(path, registration.scope).href;
    const index = address.endsWith("/") ? `${address}index.html` : address;
    return (await here(address)) ?? (await here(index)) ?? Response.error();
  }
}

/** A part of a page. The query of one whose name has a digest only tells one attempt from another. */
async function kept(request) {
  const address = new URL(request.url);
  return (await here(address.href)) ?? (await here(address.origin + address.pathname)) ?? fetch(request);
}

function here(address) {
  return caches.match(address, { cacheName: name });
}

/** The engine of figures, in the documentation: too large to keep unasked, kept once it was used. */
async function figure(request) {
  try {
    const response = await fetch(request);
    if (response.ok) await caches.open(figures).then((cache) => cache.put(request, response.clone()));
    return response;
  } catch {
    return (await caches.match(request, { cacheName: figures })) ?? Response.error();
  }
}
