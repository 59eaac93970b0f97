"use strict";
// Sticks of superposed frames on a canvas: drag turns, wheel or pinch zooms, shift and drag moves.
(() => {
  const data = JSON.parse(document.getElementById("ensembles").textContent);
  const canvas = document.getElementById("canvas");
  const context = canvas.getContext("2d");
  const control = (id) => document.getElementById(id);
  const OPAQUE = 0.15, FAINT = 0.05; // radii of sticks in angstroms
  const RANGE = [0.2, 20]; // of the zoom

  const view = { turn: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], zoom: 1, shift: [0, 0], frame: 0 };
  const longest = Math.max(...data.ensembles.map((ensemble) => ensemble.frames.length));
  const inks = data.ensembles.map((ensemble) => data.elements.map((element) => (
    rgb(element === "C" ? ensemble.carbon : data.colours[element] || "#7F7F7F"))));

  function rgb(hex) {
    return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
  }

  // A colour mixed with white (share > 0) or black (share < 0).
  function mixed(colour, share) {
    const other = share > 0 ? 255 : 0;
    return `rgb(${colour.map((part) => Math.round(part + (other - part) * Math.abs(share))).join(",")})`;
  }

  function product(a, b) {
    return a.map((row) => [0, 1, 2].map((k) => row[0] * b[0][k] + row[1] * b[1][k] + row[2] * b[2][k]));
  }

  // Turn the view by angles in radians about the screen's vertical and horizontal.
  function turn(across, down) {
    const [c, s, d, t] = [Math.cos(across), Math.sin(across), Math.cos(down), Math.sin(down)];
    const step = product([[1, 0, 0], [0, d, -t], [0, t, d]], [[c, 0, s], [0, 1, 0], [-s, 0, c]]);
    view.turn = product(step, view.turn);
  }

  // Positions of one frame, x, y, z of each atom in angstroms as seen: x to the right, y down, z to the eye.
  function seen(frame) {
    const [u, v, w] = view.turn;
    const places = new Float32Array(frame.length);
    for (let k = 0; k < frame.length; k += 3) {
      const [x, y, z] = [frame[k] / 1000, frame[k + 1] / 1000, frame[k + 2] / 1000];
      places[k] = u[0] * x + u[1] * y + u[2] * z;
      places[k + 1] = -(v[0] * x + v[1] * y + v[2] * z);
      places[k + 2] = w[0] * x + w[1] * y + w[2] * z;
    }
    return places;
  }

  // Sticks of a frame as [depth, x0, y0, x1, y1, colour, solid]; bonds of two elements in halves.
  function sticks(frame, colours, solid, list) {
    const p = seen(frame);
    for (const [first, second] of data.bonds) {
      const [a, b] = [3 * first, 3 * second];
      const middle = [0, 1, 2].map((k) => (p[a + k] + p[b + k]) / 2);
      if (data.elements[first] === data.elements[second]) {
        list.push([middle[2], p[a], p[a + 1], p[b], p[b + 1], colours[first], solid]);
      } else {
        const [x, y, z] = middle;
        list.push([(z + p[a + 2]) / 2, p[a], p[a + 1], x, y, colours[first], solid]);
        list.push([(z + p[b + 2]) / 2, x, y, p[b], p[b + 1], colours[second], solid]);
      }
    }
  }

  function stroke(stick, scale, radius, colour) {
    context.lineWidth = 2 * radius * scale;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(stick[1] * scale, stick[2] * scale);
    context.lineTo(stick[3] * scale, stick[4] * scale);
    context.stroke();
  }

  // The ensembles `numbers` in the part of the canvas from `left`, `width` wide.
  function pane(numbers, left, width, height) {
    const scale = view.zoom * Math.min(width, height) / (2.1 * data.radius);
    const all = control("frames").value === "all";
    const faint = [], solid = [];
    for (const number of numbers) {
      const { frames } = data.ensembles[number];
      frames.forEach((frame, index) => {
        const current = index === Math.min(view.frame, frames.length - 1);
        if (current || all) sticks(frame, inks[number], current, current ? solid : faint);
      });
    }
    context.save();
    context.beginPath();
    context.rect(left, 0, width, height);
    context.clip();
    context.translate(left + width / 2 + view.shift[0], height / 2 + view.shift[1]);
    context.lineCap = "round";
    context.globalAlpha = 0.45;
    faint.sort((a, b) => a[0] - b[0]);
    for (const stick of faint) {
      stroke(stick, scale, FAINT, mixed(stick[5], 0.25 - 0.25 * Math.max(-1, Math.min(1, stick[0] / data.radius))));
    }
    context.globalAlpha = 1;
    solid.sort((a, b) => a[0] - b[0]);
    for (const stick of solid) {
      const far = 0.18 - 0.18 * Math.max(-1, Math.min(1, stick[0] / data.radius));
      context.lineCap = "butt"; // the gap where sticks cross must not open where they meet
      stroke(stick, scale, OPAQUE + 1.2 / scale, "#ffffff");
      context.lineCap = "round";
      stroke(stick, scale, OPAQUE, mixed(stick[5], -0.25 + far));
      stroke(stick, scale, 0.62 * OPAQUE, mixed(stick[5], far));
      stroke(stick, scale, 0.2 * OPAQUE, mixed(stick[5], 0.3 + far));
    }
    context.restore();
    context.textAlign = "center";
    context.font = "600 14px system-ui, sans-serif";
    context.fillStyle = "#24292f";
    const titles = numbers.map((number) => data.ensembles[number].title);
    context.fillText(titles.join("  +  "), left + width / 2, 24);
    if (left === 0) ruler(scale, height);
  }

  // A bar of a round length in angstroms.
  function ruler(scale, height) {
    const length = [1, 2, 5, 10, 20, 50].find((angstroms) => angstroms * scale > 50) || 100;
    context.fillRect(16, height - 16, length * scale, 2);
    context.textAlign = "left";
    context.font = "12px system-ui, sans-serif";
    context.fillText(`${length} Å`, 16, height - 22);
  }

  let asked = false;
  function draw() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio || 1];
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, width, height);
      const everyone = data.ensembles.map((_, number) => number);
      const layout = control("layout").value;
      const panes = layout === "beside" ? everyone.map((number) => [number])
        : [layout === "over" ? everyone : [Number(layout)]];
      panes.forEach((numbers, place) => pane(numbers, place * width / panes.length, width / panes.length, height));
      control("frame").value = view.frame;
      control("number").textContent = `${view.frame + 1} of ${longest}`;
    });
  }

  let timer = null;
  function play(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => { view.frame = (view.frame + 1) % longest; draw(); }, 250) : null;
    control("play").textContent = on ? "Pause" : "Play";
    control("play").setAttribute("aria-pressed", String(on));
  }

  function zoom(factor) {
    view.zoom = Math.min(RANGE[1], Math.max(RANGE[0], view.zoom * factor));
    draw();
  }

  function reset() {
    Object.assign(view, { turn: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], zoom: 1, shift: [0, 0] });
    draw();
  }

  const fingers = new Map();
  const apart = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const distance = fingers.size === 2 ? apart() : 0;
    const [across, down] = [event.clientX - before[0], event.clientY - before[1]];
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (distance) return void zoom(apart() / distance);
    if (event.shiftKey) view.shift = [view.shift[0] + across, view.shift[1] + down];
    else turn(across / 150, down / 150);
    draw();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY / 600)); },
    { passive: false });
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
    if (step) { event.preventDefault(); turn(...step); draw(); }
    else if (event.key === "+" || event.key === "=") zoom(1.15);
    else if (event.key === "-") zoom(1 / 1.15);
  });
  control("play").addEventListener("click", () => play(timer === null));
  control("frame").addEventListener("input", (event) => { view.frame = Number(event.target.value); draw(); });
  control("reset").addEventListener("click", reset);
  for (const id of ["layout", "frames"]) control(id).addEventListener("change", draw);
  new ResizeObserver(draw).observe(canvas);
  view.frame = data.first;
  draw();
})();
