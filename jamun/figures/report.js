"use strict";
// Added to Snakemake's report: it opens at the tables of results, lists the summary first and what belongs to no
// peptide last, groups figures by their question, opens one by a click anywhere on its row, and shows each with its
// caption.
(() => {
  const place = (category) => category === "Summary" ? 0 : category.startsWith("Peptide ") ? 1 : 2;

  const items = Menu.prototype.getCategoryMenumitems;
  Menu.prototype.getCategoryMenumitems = function () {
    const made = items.call(this);
    if (!Array.isArray(made)) return made;
    const [heading, ...rest] = made;
    return [heading, ...rest.sort((a, b) => place(a.key) - place(b.key))].filter(Boolean);
  };

  // No column for the model where there is one.
  const labels = AbstractResults.prototype.getLabels;
  AbstractResults.prototype.getLabels = function () {
    const models = new Set(this.getResults().map(([, result]) => result.labels.model));
    return labels.call(this).filter((label) => label !== "model" || models.size > 1);
  };

  // The question is a heading over its figures instead of a column.
  const grouped = (table) => table.state.data.entryLabels[0] === "question";
  const header = AbstractResults.prototype.renderHeader;
  AbstractResults.prototype.renderHeader = function (data) {
    return grouped(this) ? null : header.call(this, data);
  };
  const entries = AbstractResults.prototype.renderEntries;
  AbstractResults.prototype.renderEntries = function (data) {
    const rows = entries.call(this, data).flat();
    if (!grouped(this)) return rows;
    return rows.flatMap((row, number) => {
      const [question, before] = [number, number - 1].map((k) => data.entryLabelValues[k]?.[0]);
      const [cells, actions] = row.props.children;
      const figure = React.cloneElement(row, { className: "figure" }, cells.slice(1), actions);
      if (question === before) return [figure];
      return [e("tr", { key: question, className: "question" }, e("th", { colSpan: 9 }, question)), figure];
    });
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a")) event.target.closest("nav tr.figure")?.querySelector("[iconname=eye]")?.click();
  });

  const content = ContentDisplay.prototype.renderContent;
  ContentDisplay.prototype.renderContent = function () {
    const shown = content.call(this);
    const { content: kind, contentPath } = this.props.app.state;
    const result = Object.values(results).find((one) => one.data_uri === contentPath);
    if (!["img", "html"].includes(kind) || !result || !result.caption) return shown;
    const caption = e("figcaption", { dangerouslySetInnerHTML: { __html: result.caption } });
    return e("figure", { className: kind === "html" ? "shown page" : "shown" }, shown, caption);
  };

  function view(path) {
    const { mime_type: type, data_uri: contentPath } = results[path];
    app.setView({ content: type === "text/html" ? "html" : "img", contentPath, resultPath: path });
  }

  // What a category opens with: its page, such as the tables or the viewer, or else its first picture.
  function opening(category) {
    const order = (path) => Object.values(results[path].labels || {}).join();
    const paths = Object.values(categories[category]).flat().sort((a, b) => order(a).localeCompare(order(b)));
    return ["text/html", "image/png"].map((type) => paths.find((path) => results[path].mime_type === type))
      .find(Boolean);
  }

  function open() {
    if (!app) return void setTimeout(open, 20); // React draws when it has time
    const show = app.showCategory;
    app.showCategory = (category) => {
      show(category);
      const first = opening(category);
      // Once the menu has changed: two changes at once would undo each other.
      app.setState({}, () => first && view(first));
    };
    if (!("Summary" in categories)) return;
    const tables = opening("Summary");
    view(tables);
    document.title = `${tables.split("/")[1]}: walk-jump sampling`;
  }
  open();
})();
