// What a figure needs of your configuration: the script, once. Put `embed/` into `static/hopscope/embed`, and the files of
// your clusters into `static/clusters`.
const baseUrl = process.env.BASE_URL ?? "/";

export default {
  title: "A site of one's own",
  url: "https://example.com",
  baseUrl,
  headTags: [{ tagName: "link", attributes: { rel: "icon", href: "data:," } }],
  scripts: [{ src: `${baseUrl}hopscope/embed/element.js`, type: "module" }],
  presets: [["classic", { docs: { routeBasePath: "/" }, blog: false, theme: {} }]],
};
