// The dialog that writes a figure for another page: as an element, in a frame, or as a picture. It is fetched when it
// is opened. All that comes from the cluster is set as text.

/** A flow as the page gives it: empty words are not given. */
const FIELDS = ["from", "to", "protocol", "via", "host", "path"];

const escape = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const shell = (word) => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** `FROM -> TO`, and after it what is needed, as the attribute has it. */
function line(flow) {
  const more = ["via", "host", "path"].filter((name) => flow[name]).map((name) => ` ${name} ${flow[name]}`);
  return `${flow.from} -> ${flow.to}${flow.protocol === "tcp" ? "" : ` ${flow.protocol}`}${more.join("")}`;
}

/** The texts for the other page, by form. A `lesson` stands in the place of cluster and flow. */
export function snippets(flow, { lesson, view, theme, height, controls, cluster, embed }) {
  const words = lesson ? `A lesson: ${lesson}` : `What becomes of ${line(flow)}`;
  const given = [
    ...(lesson ? [["lesson", lesson]] : [["cluster", cluster], ["flow", line(flow)]]),
    // A lesson's own view is the lesson.
    ["view", lesson || view === "picture" ? "" : view],
    ["theme", theme === "auto" ? "" : theme],
  ].filter(([, value]) => value);
  const attributes = [...given, ["height", height]].filter(([, value]) => value).map(([name, value]) => `${name}="${escape(value)}"`);
  if (controls) attributes.push("controls");
  const element = `<script type="module" src="${escape(embed)}element.js"></script>
<hop-scope
  ${attributes.join("\n  ")}
>
  ${escape(words)}
</hop-scope>
`;
  const query = new URLSearchParams([...given, ...(controls ? [["controls", ""]] : []), ["id", "hopscope-figure"]]);
  const frame = `<iframe id="hopscope-figure" src="${escape(`${embed}frame.html?${query}`)}" title="${escape(words)}"
  loading="lazy" style="width: 100%; border: 0; height: ${height || 480}px"></iframe>
${
  height
    ? ""
    : `<script>
  addEventListener("message", ({ source, data }) => {
    const frame = document.getElementById("hopscope-figure");
    if (data?.source !== "hopscope" || frame?.contentWindow !== source) return;
    if (data.type === "height") frame.style.height = data.height + "px";
  });
</script>
`
}`;
  if (lesson) return { element, frame, picture: "" };
  const asked = FIELDS.filter((name) => flow[name] && !(name === "protocol" && flow[name] === "tcp"));
  const options = asked.map((name) => ` --${name} ${shell(flow[name])}`).join("");
  const colours = theme === "auto" ? "" : ` --theme ${theme}`;
  const yaml = asked.map((name) => `${name}: ${JSON.stringify(flow[name])}`).join(", ");
  const picture = `hopscope render ${shell(cluster)}${options}${colours} -o svg > figure.svg

<!-- hopscope
cluster: ${cluster}
flow: {${yaml}}
svg: figure.svg
-->
![${words.replace(/[[\]\\]/g, "\\$&")}](figure.svg)
`;
  return { element, frame, picture };
}

function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

const field = (name, control) => {
  control.id = `embed-${name.toLowerCase().replace(/\W+/g, "-")}`;
  return make("div", { className: "field" }, make("label", { className: "field-name", htmlFor: control.id }, name), control);
};
const select = (options) => make("select", {}, ...options.map(([value, text]) => make("option", { value }, text)));
const input = (value, properties = {}) => make("input", { className: "btn", value, autocomplete: "off", spellcheck: false, ...properties });

const HINTS = {
  element: "For any page. The figure is live; what stands inside the element is shown where no script runs.",
  frame: "Where elements are not allowed. The cluster’s address counts from the folder of frame.html.",
  picture: "Where no script runs. The comment lets hopscope check --docs hold the picture to the engine.",
};

/** Opens the dialog for a cluster and a flow; the promise ends when it is closed. */
export function open(yaml, ...words) {
  const flow = Object.fromEntries(FIELDS.map((name, index) => [name, words[index] ?? ""]));
  const lesson = words[FIELDS.length];
  // A page from a disk has no folder of figures beside it.
  const beside = location.protocol === "file:" ? "/hopscope/embed/" : new URL("embed/", document.baseURI).href;
  const controls = {
    what: select([...(lesson ? [["lesson", "The lesson"]] : []), ["flow", "The cluster and the flow"]]),
    form: select([["element", "Element"], ["frame", "Frame"], ["picture", "Picture (SVG)"]]),
    view: select([["picture", "Picture"], ["trace", "Trace"], ["shares", "Shares"]]),
    theme: select([["auto", "As the reader’s system"], ["light", "Light"], ["dark", "Dark"]]),
    height: input("", { type: "number", min: 100, max: 5000, placeholder: "as its content" }),
    controls: select([["", "Fixed"], ["yes", "May change view and policy"]]),
    cluster: input("cluster.yaml"),
    embed: input(beside),
  };
  const hint = make("p", { className: "hint" });
  const text = make("pre", { tabIndex: 0, "aria-label": "What to put into the other page" });
  const status = make("p", { className: "hint", role: "status" });
  const show = () => {
    const height = controls.height.checkValidity() ? controls.height.value : "";
    const { what, form, view, theme, controls: live, cluster, embed } = controls;
    const taught = what.value === "lesson" ? lesson : "";
    // A picture teaches nothing.
    form.lastElementChild.disabled = Boolean(taught);
    if (taught && form.value === "picture") form.value = "element";
    const folder = embed.value.replace(/\/*$/, "/");
    text.textContent = snippets(flow, { lesson: taught, view: view.value, theme: theme.value, height, controls: Boolean(live.value), cluster: cluster.value.trim() || "cluster.yaml", embed: folder })[form.value];
    hint.textContent = HINTS[form.value];
    status.textContent = "";
    for (const control of [live, controls.height, embed]) control.disabled = form.value === "picture";
    view.disabled = live.disabled || Boolean(taught);
    cluster.disabled = Boolean(taught);
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      status.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(text);
      status.textContent = "The browser did not let it be copied; it is selected, copy it by hand.";
    }
  };
  const download = () => {
    const url = URL.createObjectURL(new Blob([yaml], { type: "application/yaml" }));
    make("a", { href: url, download: controls.cluster.value.split("/").pop() || "cluster.yaml" }).click();
    URL.revokeObjectURL(url);
  };
  const button = (name, className, onclick) => make("button", { type: "button", className, onclick }, name);
  const dialog = make("dialog", { "aria-labelledby": "embed-title" });
  dialog.append(
    make(
      "div",
      { className: "dialog-head" },
      make("h2", { id: "embed-title" }, "Embed this figure"),
      button("Close", "btn quiet", () => dialog.close()),
    ),
    make(
      "div",
      { className: "dialog-body share" },
      make("p", { className: "flow-line" }, line(flow)),
      make(
        "div",
        { className: "embed-fields" },
        ...(lesson ? [field("What", controls.what)] : []),
        field("As", controls.form),
        field("View", controls.view),
        field("Theme", controls.theme),
        field("Height in pixels", controls.height),
        field("The reader", controls.controls),
        field("The cluster’s file", controls.cluster),
        field("The folder of the figure’s files", controls.embed),
      ),
      hint,
      text,
      make("div", { className: "actions" }, button("Copy", "btn strong", copy), button("Download the cluster", "btn", download), status),
    ),
  );
  for (const control of Object.values(controls)) control.addEventListener("input", show);
  show();
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((closed) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      closed();
    });
  });
}
