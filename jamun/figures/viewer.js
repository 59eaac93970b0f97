"use strict";
// Superposed frames of MD and of samples, drawn by 3Dmol.js in two panes that share one camera.
(async () => {
  const data = JSON.parse(document.getElementById("ensembles").textContent);
  const control = (id) => document.getElementById(id);
  const SOLID = { radius: 0.16 }, FAINT = { radius: 0.055, opacity: 0.5 }; // sticks; radii in angstroms
  const LAYOUTS = { beside: [[0], [1]], over: [[0, 1]], md: [[0]], samples: [[1]] }; // ensembles of each pane
  const NAME = { fontColor: "#24292f", fontSize: 13, backgroundColor: "white", backgroundOpacity: 0.75,
    alignment: "bottomCenter", screenOffset: { x: 0, y: 12 }, inFront: true };
  const longest = Math.max(...data.ensembles.map((ensemble) => ensemble.frames.length));

  // 3Dmol.js is packed in the page; unpacked and run, it defines $3Dmol.
  async function load() {
    const packed = Uint8Array.from(atob(control("library").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  // Atoms of the molecule as 3Dmol.js wants them, from index `start` on, at x, y, z of each atom in 0.001 angstroms.
  function atoms(frame, start) {
    const made = data.elements.map((elem, k) => ({
      elem, bonds: [], bondOrder: [], index: start + k, serial: start + k, name: data.names[k],
      x: frame[3 * k] / 1000, y: frame[3 * k + 1] / 1000, z: frame[3 * k + 2] / 1000,
    }));
    for (const [first, second] of data.bonds) {
      for (const [from, to] of [[first, second], [second, first]]) {
        made[from].bonds.push(start + to);
        made[from].bondOrder.push(1);
      }
    }
    return made;
  }

  // One of the two panes: a viewer of 3Dmol.js, its title and its ruler.
  class Pane {
    constructor(figure, seen) {
      this.figure = figure;
      this.element = figure.querySelector(".view");
      this.viewer = $3Dmol.createViewer(this.element, { backgroundColor: "white", orthographic: true });
      const depth = 3 * data.radius; // of what is seen, before and behind the centre; the far half fades
      this.viewer.setSlab(-depth, depth);
      this.viewer.enableFog({ fogStart: 0.5, fogEnd: 0.9 });
      this.viewer.setViewChangeCallback((camera) => {
        if (!this.open) return;
        this.measure();
        seen(camera);
      });
      this.solid = [];
      this.labels = [];
    }

    get open() {
      return !this.figure.hidden;
    }

    // Show the ensembles `numbers`, with all their frames or only the current one.
    fill(numbers, all) {
      this.figure.hidden = numbers === undefined;
      if (!this.open) return;
      this.viewer.removeAllModels();
      this.viewer.removeAllLabels();
      this.hovered = null;
      const title = numbers.map((number) => data.ensembles[number].title).join("  +  ");
      this.figure.querySelector("figcaption").textContent = title;
      this.element.setAttribute("aria-label", `${document.title}. ${title}, in three dimensions.`);
      this.solid = numbers.map((number) => {
        const { frames, carbon } = data.ensembles[number];
        const colorscheme = { prop: "elem", map: { ...data.colours, C: carbon } };
        if (all) {
          const faint = this.viewer.addModel();
          faint.addAtoms(frames.flatMap((frame, k) => atoms(frame, k * data.elements.length)));
          faint.setStyle({}, { stick: { ...FAINT, colorscheme } });
        }
        const solid = this.viewer.addModel();
        solid.addAtoms(atoms(frames[0], 0));
        solid.setStyle({}, { stick: { ...SOLID, colorscheme } });
        solid.setHoverable({}, true, (atom) => this.name(atom), () => this.name(null));
        solid.setCoordinates(frames.map((frame) => frame.map((place) => place / 1000)), "array");
        return solid;
      });
      // Of two ensembles in one pane the first has names: those of both would hide each other.
      const { frames } = data.ensembles[numbers[0]];
      this.labels = frames.map((frame) => data.residues.map(([atom, name]) => {
        const [x, y, z] = frame.slice(3 * atom, 3 * atom + 3).map((place) => place / 1000);
        return this.viewer.addLabel(name, { ...NAME, position: { x, y, z } }, undefined, true);
      }));
      this.viewer.resize();
    }

    // Make `frame` the solid one, or the last where an ensemble has fewer.
    step(frame) {
      if (!this.open) return;
      for (const solid of this.solid) solid.setFrame(frame);
      const current = Math.min(frame, this.labels.length - 1);
      this.labels.forEach((labels, number) => labels.forEach((label) => {
        if (number === current && control("names").checked) label.show();
        else label.hide();
      }));
      if (this.hovered) this.name(null);
      this.viewer.render();
    }

    // Name the atom under the mouse.
    name(atom) {
      if (this.hovered) this.viewer.removeLabel(this.hovered);
      this.hovered = atom && this.viewer.addLabel(atom.name, { ...NAME, position: atom, backgroundOpacity: 1,
        screenOffset: { x: 0, y: 18 } });
    }

    // Angstroms that a pixel spans.
    get scale() {
      const { x, y, z } = this.viewer.screenOffsetToModel(100, 0);
      return Math.hypot(x, y, z) / 100;
    }

    // Width and height in pixels.
    get size() {
      return [this.element.clientWidth, this.element.clientHeight];
    }

    // Zoom to see so many angstroms along the shorter side.
    span(angstroms) {
      this.spanned = String(this.size);
      this.viewer.zoom(Math.min(...this.size) * this.scale / angstroms);
    }

    // Nearly every atom in sight, the centre in the middle.
    fit() {
      this.viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
      this.span(2.1 * data.radius);
    }

    // Draw a bar of a round length; remember what is seen, but for a moment after a change of size.
    measure() {
      if (this.spanned === String(this.size)) this.seen = Math.min(...this.size) * this.scale;
      const length = [1, 2, 5, 10, 20, 50].find((angstroms) => angstroms / this.scale > 50) || 100;
      const ruler = this.figure.querySelector(".ruler");
      ruler.style.width = `${length / this.scale}px`;
      ruler.textContent = `${length} Å`;
    }
  }

  const view = { frame: data.first, timer: null };
  let panes = [];

  function step(frame) {
    view.frame = frame;
    for (const pane of panes) pane.step(frame);
    control("frame").value = frame;
    control("number").textContent = `${frame + 1} of ${longest}`;
  }

  function arrange() {
    const layout = LAYOUTS[control("layout").value];
    panes.forEach((pane, place) => pane.fill(layout[place], control("frames").value === "all"));
    share(panes[0].viewer.getView());
    step(view.frame);
  }

  // Panes have one camera: the others take that of the one which was turned.
  function share(camera) {
    for (const { open, viewer } of panes) {
      if (open && String(viewer.getView()) !== String(camera)) viewer.setView(camera);
    }
  }

  // Panes have one size too: fitting the first fits all.
  function fit() {
    panes[0].fit();
  }

  function play(on) {
    clearInterval(view.timer);
    view.timer = on ? setInterval(() => step((view.frame + 1) % longest), 250) : null;
    control("play").textContent = on ? "Pause" : "Play";
    control("play").setAttribute("aria-pressed", String(on));
  }

  function press(event) {
    const { viewer } = panes[0];
    const action = {
      ArrowLeft: () => viewer.rotate(-8, "vy"), ArrowRight: () => viewer.rotate(8, "vy"),
      ArrowUp: () => viewer.rotate(-8, "vx"), ArrowDown: () => viewer.rotate(8, "vx"),
      "+": () => viewer.zoom(1.15), "=": () => viewer.zoom(1.15), "-": () => viewer.zoom(1 / 1.15),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  try {
    // Without WebGL the library shows nothing, and says nothing.
    if (!document.createElement("canvas").getContext("webgl")) throw new Error("it offers no WebGL");
    await load();
    panes = [...document.querySelectorAll("figure")].map((figure) => new Pane(figure, share));
  } catch (error) {
    for (const part of document.querySelectorAll("form, figure, footer")) part.hidden = true;
    control("problem").textContent = `This browser cannot draw in three dimensions (${error.message || error}): switch `
      + "on WebGL or hardware acceleration in its settings, or open the page in another browser. The figure of "
      + "superposed conformations shows the same frames.";
    return;
  }
  control("problem").hidden = true;
  for (const { element } of panes) {
    element.addEventListener("keydown", press);
    element.addEventListener("dblclick", fit);
  }
  // The molecule grows and shrinks with its pane.
  new ResizeObserver(() => panes[0].span(panes[0].seen)).observe(panes[0].element);
  control("play").addEventListener("click", () => play(view.timer === null));
  control("frame").addEventListener("input", (event) => step(Number(event.target.value)));
  control("names").addEventListener("change", () => step(view.frame));
  control("reset").addEventListener("click", fit);
  for (const id of ["layout", "frames"]) control(id).addEventListener("change", arrange);
  arrange();
  fit();
})();
