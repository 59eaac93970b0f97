"use strict";
// Added to Snakemake's report: it opens at the tables of results, lists the summary first and what belongs to no
// peptide last, and shows each result with its caption.
(() => {
  const place = (category) => category === "Summary" ? 0 : category.startsWith("Peptide ") ? 1 : 2;

  const items = Menu.prototype.getCategoryMenumitems;
  Menu.prototype.getCategoryMenumitems = function () {
    const made = items.call(this);
    if (!Array.isArray(made)) return made;
    const [heading, ...rest] = made;
    return [heading, ...rest.sort((a, b) => place(a.key) - place(b.key))].filter(Boolean);
  };

  const content = ContentDisplay.prototype.renderContent;
  ContentDisplay.prototype.renderContent = function () {
    const shown = content.call(this);
    const state = this.props.app.state;
    const result = Object.values(results).find((one) => one.data_uri === state.contentPath);
    if (!["img", "html"].includes(state.content) || !result || !result.caption) return shown;
    const caption = e("figcaption", { dangerouslySetInnerHTML: { __html: result.caption } });
    return e("figure", { className: state.content === "html" ? "shown page" : "shown" }, shown, caption);
  };

  const opening = Object.entries(results).find(([path]) => path.endsWith("/evaluation/summary.html"));
  function open() {
    if (!app) return void setTimeout(open, 20); // React draws when it has time
    const [path, result] = opening;
    app.setView({ content: "html", contentPath: result.data_uri, resultPath: path });
    document.title = `${path.split("/")[1]}: walk-jump sampling`;
  }
  if (opening) open();
})();
