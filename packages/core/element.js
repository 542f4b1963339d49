// <hop-scope>: a live figure for any page. Several on a page share one engine; each begins when it comes into sight.
import { load, readLesson, start } from "./index.js";
import { sheet } from "./style.js";
import { lessonView, notice, pictureView, sharesView, tabs, traceView } from "./views.js";

const OBSERVED = ["lesson", "cluster", "flow", "view", "theme", "height", "controls"];
const VIEWS = ["picture", "trace", "shares"];
/** Most characters that a figure fetches: a page's figure is small, and a mistaken link must not stall the page. */
const MOST = 4 * 1024 * 1024;

export class HopScope extends HTMLElement {
  static observedAttributes = OBSERVED;

  #cluster;
  #lesson;
  #step = 0;
  #given;
  #flow;
  #view;
  #turn = 0;
  #sight;
  /** Whether the figure came into sight: attributes are told before it, too. */
  #begun = false;
  #body = document.createElement("div");

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.#body.className = "body";
    this.#body.append(document.createElement("slot"));
    root.append(this.#body);
  }

  connectedCallback() {
    this.#sight = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.#sight.disconnect();
      this.#sight = undefined;
      this.#begun = true;
      this.#begin();
    }, { rootMargin: "200px" });
    this.#sight.observe(this);
  }

  disconnectedCallback() {
    this.#sight?.disconnect();
    this.#begun = false;
    this.#turn += 1;
  }

  attributeChangedCallback(name, old, now) {
    if (old === now) return;
    if (name === "height") this.style.height = /^\d+$/.test(now ?? "") ? `${now}px` : (now ?? "");
    if (name === "view") this.#view = undefined;
    if (!this.#begun) return;
    if (name === "lesson" || name === "cluster") this.#begin();
    else if (name === "flow") {
      this.#flow = undefined;
      this.#draw();
    } else this.#draw();
  }

  /** The engine's cluster that is shown, or one to show: text, `{ name, text }` or a list of them. */
  get cluster() {
    return this.#cluster;
  }
  set cluster(input) {
    // Frameworks set properties where an element has them: addresses that were written as the attribute come here.
    if (typeof input === "string" && /^[^\s:{[]+(:\/\/\S+)?(\s+\S+)*$/.test(input) && !/:\s|\n/.test(input)) {
      this.setAttribute("cluster", input);
      return;
    }
    this.#given = input;
    if (this.#begun) this.#begin();
  }

  /** The flow that is shown, in either form. */
  get flow() {
    return this.#flow ?? this.#lesson?.steps[this.#step]?.flow ?? this.getAttribute("flow") ?? undefined;
  }
  set flow(flow) {
    this.#flow = flow;
    this.#draw();
  }

  /** Makes a change and shows what came of it; returns the edit that takes it back. */
  apply(edit) {
    const inverse = this.#cluster.apply(edit);
    this.#draw();
    this.#tell("edit", { edit, inverse });
    return inverse;
  }

  async #begin() {
    const turn = (this.#turn += 1);
    const here = () => turn === this.#turn;
    try {
      const id = this.getAttribute("lesson");
      const lesson = id === null ? undefined : await fetchLesson(id);
      const cluster = lesson ? lesson.cluster(0) : await load(this.#given ?? (await this.#files()));
      if (!here()) return;
      [this.#lesson, this.#step, this.#cluster] = [lesson, 0, cluster];
      this.#draw();
      this.#tell("ready", { cluster });
    } catch (error) {
      if (here()) this.#fail(error);
    }
  }

  async #files() {
    const addresses = (this.getAttribute("cluster") ?? "").split(/\s+/).filter(Boolean);
    if (addresses.length === 0) {
      throw new Error("This figure names neither a cluster nor a lesson.");
    }
    return Promise.all(addresses.map(async (name) => ({ name, text: await text(new URL(name, document.baseURI)) })));
  }

  #draw() {
    if (!this.#cluster) return;
    const theme = this.getAttribute("theme");
    this.#body.dataset.theme = ["light", "dark"].includes(theme) ? theme : "auto";
    try {
      const lesson = this.#lesson && !this.#view && !VIEWS.includes(this.getAttribute("view"));
      this.#body.replaceChildren(...(lesson ? this.#taught() : this.#shown()));
    } catch (error) {
      this.#fail(error);
    }
  }

  #shown() {
    const asked = this.#view ?? this.getAttribute("view");
    const view = VIEWS.includes(asked) ? asked : "picture";
    const flow = this.flow;
    const parts = [];
    if (this.hasAttribute("controls")) {
      const pick = (next) => {
        this.#view = next;
        this.#draw();
        this.shadowRoot.querySelector(`[data-view="${next}"]`)?.focus();
      };
      parts.push(tabs(VIEWS, view, pick, this.#cluster, flow, (edit) => this.apply(edit)));
    }
    if (flow === undefined) return [...parts, pictureView(this.#cluster, undefined, this.#theme)];
    const paths = this.#cluster.paths(flow, { fold: true });
    if (view === "trace") parts.push(traceView(paths));
    else if (view === "shares") parts.push(sharesView(this.#cluster.run(flow)));
    else parts.push(pictureView(this.#cluster, flow, this.#theme));
    this.#tell("trace", { paths });
    return parts;
  }

  #taught() {
    const go = (step) => {
      this.#step = step;
      this.#cluster = this.#lesson.cluster(step);
      const change = this.#lesson.steps[step].change;
      this.#draw();
      if (change) this.#tell("edit", { edit: { edit: "many", edits: change.edits ?? [] }, title: change.title });
      this.shadowRoot.querySelector("h2")?.focus();
    };
    const traced = (paths) => this.#tell("trace", { paths, step: this.#step });
    return lessonView(this.#lesson, this.#step, this.#cluster, this.#theme, { go, traced });
  }

  get #theme() {
    return this.#body.dataset.theme;
  }

  #fail(error) {
    const message = error instanceof Error ? error.message : String(error);
    this.#body.replaceChildren(notice(message), document.createElement("slot"));
    this.#tell("error", { message });
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(`hopscope:${what}`, { detail, bubbles: true, composed: true }));
  }
}

/** A lesson by its id, from the folder beside this file. */
async function fetchLesson(id) {
  if (!/^[a-z0-9-]{1,64}$/.test(id)) throw new Error(`There is no lesson “${id}”.`);
  const file = (name) => text(new URL(`lessons/${id}/${name}.yaml`, import.meta.url));
  let texts;
  try {
    texts = await Promise.all([file("lesson"), file("cluster"), start()]);
  } catch (error) {
    throw error.status === 404 ? new Error(`There is no lesson “${id}”.`) : error;
  }
  return readLesson({ lesson: texts[0], cluster: texts[1] });
}

async function text(address) {
  const shown = address.pathname.split("/").pop() || address.href;
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error(`${shown} could not be fetched.`);
  }
  if (!response.ok) {
    const error = new Error(`${shown} could not be fetched: the host answered ${response.status}.`);
    error.status = response.status;
    throw error;
  }
  if (Number(response.headers.get("content-length") ?? 0) > MOST) throw tooLarge(shown);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let [read, size] = ["", 0];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.byteLength;
    if (size > MOST) {
      await reader.cancel();
      throw tooLarge(shown);
    }
    read += decoder.decode(part.value, { stream: true });
  }
  return read + decoder.decode();
}

function tooLarge(name) {
  return new Error(`${name} is too large for a figure: more than ${MOST / 1024 / 1024} MiB.`);
}

if (!customElements.get("hop-scope")) customElements.define("hop-scope", HopScope);
