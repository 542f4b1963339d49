// The figure's style, as a constructed sheet: a page's policy need not allow inline styles.
const OWN = `
:host{display:block;overflow:auto;color-scheme:light dark}
:host([hidden]){display:none}
.body{font:15px/1.5 system-ui,sans-serif;color:#15181e;background:#fff;border:1px solid #dee2e8;border-radius:8px;padding:12px;--soft:#eef1f5;--edge:#c3cad4;--good:#007a5a;--bad:#b5371a;--link:#005a9c}
.body[data-theme=dark]{color:#e8ebf0;background:#151a21;border-color:#2c343f;--soft:#212934;--edge:#4a5564;--good:#4cc79f;--bad:#ff9378;--link:#7cc0f2}
@media (prefers-color-scheme:dark){.body:not([data-theme=light]){color:#e8ebf0;background:#151a21;border-color:#2c343f;--soft:#212934;--edge:#4a5564;--good:#4cc79f;--bad:#ff9378;--link:#7cc0f2}}
.picture{overflow:auto}
.picture svg{max-width:100%;height:auto;min-width:min(640px,100%);display:block}
.controls{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin-bottom:8px}
.controls label{margin-inline-start:auto}
button,select{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--edge);border-radius:6px;padding:4px 12px;min-height:32px}
button[aria-pressed=true]{border-color:var(--link);box-shadow:inset 0 0 0 1px var(--link)}
:is(button,select,input,summary,.picture):focus-visible{outline:2px solid var(--link);outline-offset:2px}
h2{margin:0 0 6px;font-size:18px}h2:focus{outline:none}h3{margin:12px 0 4px;font-size:16px}
.chapter,.hint{margin:0;font-size:13px;opacity:.8}
.flow,code{font-family:ui-monospace,Menlo,monospace;font-size:13px;overflow-wrap:anywhere}
fieldset{border:1px solid var(--edge);border-radius:6px;margin:8px 0;padding:8px 12px}
fieldset label{display:flex;gap:8px;align-items:baseline;padding:3px 0;overflow-wrap:anywhere}
legend{font-weight:600}
.right{color:var(--good);font-weight:600}.wrong{color:var(--bad);font-weight:600}
.notice{border-inline-start:4px solid var(--bad);padding:4px 10px;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:start;padding:4px 10px 4px 0;border-bottom:1px solid var(--edge);overflow-wrap:anywhere}
.shares{overflow:auto}
.trace li{margin:3px 0;overflow-wrap:anywhere}
.claims ul{padding-inline-start:18px}
.claim-true{color:var(--good)}.claim-false{color:var(--bad)}
`;

export const sheet = new CSSStyleSheet();
sheet.replaceSync(OWN);

const known = new Set();

/** Adopts the style of a picture; each of the few there are once, for all figures. */
export function colours(style) {
  if (known.has(style)) return;
  known.add(style);
  // All figures share one sheet, so what is added is kept apart by the theme's own words.
  sheet.replaceSync(OWN + [...known].map(scoped).join("\n"));
}

/** A picture carries the colours of its theme: they hold under that theme only. */
function scoped(style) {
  const dark = style.includes("prefers-color-scheme");
  const theme = dark ? "auto" : style.includes("color-scheme:dark") ? "dark" : "light";
  return `.body[data-theme=${theme}]{${style}}`;
}
