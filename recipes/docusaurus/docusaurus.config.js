// What a figure needs of your configuration: the script, once. Put `embed/` into `static/hopscope/embed`.
export default {
  title: "A site of one's own",
  url: "https://example.com",
  baseUrl: "/",
  scripts: [{ src: "/hopscope/embed/element.js", type: "module" }],
  presets: [["classic", { docs: { routeBasePath: "/" }, blog: false, theme: {} }]],
};
