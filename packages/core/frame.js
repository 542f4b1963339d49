// The figure in a frame: attributes from the address, height told to the page around it.
import "./element.js";

const ATTRIBUTES = ["lesson", "cluster", "flow", "view", "theme", "controls"];
const asked = new URLSearchParams(location.search);
const figure = document.createElement("hop-scope");
for (const name of ATTRIBUTES) {
  const value = asked.get(name);
  if (value !== null) figure.setAttribute(name, value);
}

/** Messages go to whoever framed this page: they hold a height and words of this figure, nothing of the reader. */
function tell(message) {
  if (parent !== window) parent.postMessage({ source: "hopscope", id: asked.get("id") ?? "", ...message }, "*");
}

new ResizeObserver(() => tell({ type: "height", height: Math.ceil(figure.getBoundingClientRect().height) })).observe(figure);
figure.addEventListener("hopscope:ready", () => tell({ type: "ready" }));
figure.addEventListener("hopscope:error", ({ detail }) => tell({ type: "error", message: detail.message }));
document.body.append(figure);
