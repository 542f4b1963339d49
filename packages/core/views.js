// What a figure shows. Everything that comes from a cluster is set as text, never as markup.
import { colours } from "./style.js";

/** An element with properties, attributes (names with a dash) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

export function notice(message) {
  return make("p", { className: "notice", role: "alert" }, message);
}

const percent = (share) => `${(share * 100).toFixed(1)} %`;

/** The engine's picture. Its style is taken out and adopted, since a strict policy forbids style elements. */
export function pictureView(cluster, flow, theme, options = {}) {
  const text = cluster.render(flow, { theme: theme === "dark" || theme === "light" ? theme : "auto", ...options });
  const [, style] = text.match(/<style>([\s\S]*?)<\/style>/) ?? [];
  const bare = text.replace(/<style>[\s\S]*?<\/style>/, "");
  const svg = document.importNode(new DOMParser().parseFromString(bare, "image/svg+xml").documentElement, true);
  if (style) colours(style);
  const box = make("div", { className: "picture", tabIndex: 0, role: "group", "aria-label": "Picture of the cluster" });
  box.append(svg);
  return box;
}

function summary(outcome) {
  const to = outcome.endpoint ? (outcome.endpoint.pod ?? outcome.endpoint.node ?? outcome.endpoint.host ?? outcome.endpoint.ip) : "";
  const cause = outcome.cause ? `: ${outcome.cause}` : "";
  const seen = outcome.sourceSeen ? `, source seen ${outcome.sourceSeen}` : "";
  const by = outcome.count > 1 ? `, by ${outcome.count} nodes alike` : outcome.node ? `, by node ${outcome.node}` : "";
  return `${percent(outcome.probability)} ${outcome.verdict}${to ? ` to ${to}` : ""}${cause}${by}${seen}`;
}

export function traceView(paths) {
  const step = (step) =>
    make(
      "li",
      { className: `owner-${step.owner}` },
      make("b", {}, `${step.station.kind.replaceAll("-", " ")} ${step.station.name}`.trim()),
      " ",
      step.why,
      step.rule && make("details", {}, make("summary", {}, step.rule.place), make("code", {}, step.rule.text)),
    );
  const branch = (outcome, index) =>
    make(
      "details",
      { open: index === 0 },
      make("summary", {}, summary(outcome)),
      make("ol", {}, ...outcome.steps.map(step)),
      outcome.reply && make("p", {}, `Reply: ${outcome.reply.verdict}`),
      outcome.reply && make("ol", {}, ...outcome.reply.steps.map(step)),
    );
  const assumed = paths.assumptions.map((assumption) => make("li", {}, assumption.text));
  return make(
    "div",
    { className: "trace" },
    ...paths.outcomes.slice(0, 50).map(branch),
    make("details", {}, make("summary", {}, "Assumed"), make("ul", {}, ...assumed)),
  );
}

const seen = ({ sourcesSeen, moreSources = 0 }) => sourcesSeen.join(", ") + (moreSources ? ` and ${moreSources} more` : "");

export function sharesView(run) {
  const head = make("tr", {}, ...["Receiver", "Exact share", `Of ${run.requests}`, "Source seen"].map((text) => make("th", { scope: "col" }, text)));
  const row = (row) => {
    const name = row.endpoint ? (row.endpoint.pod ?? row.endpoint.node ?? row.endpoint.host ?? row.endpoint.ip) : `${row.verdict}: ${row.cause}`;
    return make("tr", {}, make("th", { scope: "row" }, name), ...[percent(row.exact), String(row.count), seen(row)].map((text) => make("td", {}, text)));
  };
  return make("div", { className: "shares" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...run.rows.map(row))));
}

const NAMES = { picture: "Picture", trace: "Trace", shares: "Shares" };

/** The controls: views, and the policy of the Service that the flow is for. */
export function tabs(views, now, pick, cluster, flow, apply) {
  const button = (view) =>
    make("button", { type: "button", "data-view": view, "aria-pressed": String(view === now), onclick: () => pick(view) }, NAMES[view]);
  const bar = make("div", { className: "controls", role: "group", "aria-label": "Figure" }, ...views.map(button));
  const [, service] = (typeof flow === "string" ? flow : (flow?.to ?? "")).match(/svc\/([^\s:]+):/) ?? [];
  const found = cluster.objects.find(({ kind, object }) => kind === "Service" && `${object.metadata.namespace || "default"}/${object.metadata.name}` === service);
  if (found && ["LoadBalancer", "NodePort"].includes(found.object.spec.type)) {
    const policy = found.object.spec.externalTrafficPolicy ?? "Cluster";
    const options = ["Cluster", "Local"].map((value) => make("option", { value, selected: value === policy }, value));
    const select = make("select", { onchange: () => apply({ edit: "setExternalTrafficPolicy", service, policy: select.value }) }, ...options);
    bar.append(make("label", {}, "externalTrafficPolicy ", select));
  }
  return bar;
}

/** A step of a lesson: predict, then see. */
export function lessonView(lesson, index, cluster, theme, { go, traced }) {
  const step = lesson.steps[index];
  const posed = lesson.pose(index, cluster);
  const result = make("div", { className: "result", "aria-live": "polite" });
  const reveal = (grade) => {
    const next = lesson.steps[index + 1];
    const parts = [];
    if (grade) parts.push(make("p", { className: grade.right ? "right" : "wrong" }, grade.right ? "Right." : `Not quite. It is: ${grade.truth}`));
    parts.push(make("p", {}, step.reveal));
    parts.push(pictureView(cluster, step.flow, theme));
    if (step.flow) {
      const paths = cluster.paths(step.flow, { fold: true });
      parts.push(make("details", {}, make("summary", {}, "Every hop"), traceView(paths)));
      traced(paths);
    }
    if (next) {
      const words = next.change ? `Try this: ${next.change.title}` : "Next";
      parts.push(make("button", { type: "button", className: "next", onclick: () => go(index + 1) }, words));
    } else {
      if (lesson.claims.length) parts.push(claims(lesson.claims));
      parts.push(make("button", { type: "button", onclick: () => go(0) }, "Begin again"));
    }
    result.replaceChildren(...parts);
  };
  const parts = [
    make("p", { className: "chapter" }, `${lesson.chapter} · ${index + 1} of ${lesson.steps.length}`),
    make("h2", { tabIndex: -1 }, lesson.title),
    make("p", {}, step.caption),
    step.flow && make("p", { className: "flow" }, `${step.flow.from} → ${step.flow.to}${step.flow.via ? `, by ${step.flow.via}` : ""}`),
    posed ? question(posed, (picked) => reveal(lesson.grade(index, picked, cluster))) : undefined,
    result,
  ];
  if (!posed) reveal(undefined);
  return parts.filter(Boolean);
}

function question(posed, answer) {
  const option = ({ text }, index) =>
    make("label", {}, make("input", { type: posed.several ? "checkbox" : "radio", name: "option", value: String(index) }), make("span", {}, text));
  const button = make("button", { type: "submit" }, "Check");
  const form = make(
    "form",
    {},
    make("fieldset", {}, make("legend", {}, posed.prompt), posed.several && make("p", { className: "hint" }, "Several may be right."), ...posed.options.map(option)),
    button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const picked = [...form.querySelectorAll("input:checked")].map((input) => Number(input.value));
    if (picked.length) answer(picked);
  });
  return form;
}

function claims(list) {
  const claim = ({ says, verdict, because }) =>
    make("li", {}, make("b", { className: `claim-${verdict}` }, verdict), ` “${says}” `, make("span", {}, because));
  return make("section", { className: "claims" }, make("h3", {}, "What people say"), make("ul", {}, ...list.map(claim)));
}
