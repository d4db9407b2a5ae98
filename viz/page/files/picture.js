// ---- picture: which elements are lit, which are coloured already, which are still pale ----

const svg = document.querySelector("#paper svg");
const paper = document.getElementById("paper");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const arrowNames = data.fold ? data.fold.arrows : [];
const segments = data.fold ? data.fold.segments : []; // of ribbons: id, first and last step
const names = [...data.names, ...arrowNames, ...segments.map(([name]) => name)];
const elements = names.map((name) => document.getElementById(`p-${name}`));
const firstSegment = names.length - segments.length;
const lanes = names.map((name, n) => (n >= firstSegment ? "segment" : (/^(fwd|bwd|tip)-/.exec(name) || ["", "node"])[1]));
const ribbonArrows = arrowNames.map((_, n) => data.names.length + n);
const segmentsBetween = (a, b) => segments.flatMap(([, first, last], n) => (first <= b && last >= a ? [firstSegment + n] : []));
const segmentsOf = (part) => (part && part.s >= 0 ? segmentsBetween(part.s, part.s) : []);
const wiresFrom = data.nodes.map(() => []);
const wiresInto = data.nodes.map(() => []);
data.wires.forEach(([u, v], n) => {
  wiresFrom[u].push(n);
  wiresInto[v].push(n);
});

const picture = {
  // Colours of all gradient lanes for one choice of loss.
  choose(choice) {
    scale = choice.scale;
    tellScale();
    data.names.forEach((name, n) => {
      if (lanes[n] !== "bwd" && lanes[n] !== "tip") return;
      const letter = choice.levels[n];
      const u = "-0/".includes(letter) ? 0 : LETTERS.indexOf(letter) / STEPS;
      const style = elements[n].style;
      elements[n].classList.toggle("none", letter === "-");
      elements[n].classList.toggle("zero", letter === "0" || letter === "/");
      style.setProperty("--hue", letter === "0" ? "#9ba7b2" : letter === "/" ? "#b3261e" : lineColour(u));
      style.setProperty("--width", letter === "0" || letter === "/" ? "1.2" : (1.2 + 3.2 * u).toFixed(2));
    });
    segments.forEach((_, n) => {
      const [letter, painted] = [choice.segments[n], data.fold.painted[n]];
      const [u, was] = [letter, painted].map((one) => ("-0/".includes(one) ? 0 : LETTERS.indexOf(one) / STEPS));
      const { style, classList } = elements[firstSegment + n];
      classList.toggle("none", letter === "-" || letter === "/");
      classList.toggle("zero", letter === "0");
      style.setProperty("--hue", letter === "0" ? "#ffffff" : lineColour(u));
      style.setProperty("--tall", ((letter === "0" ? 2 : 2 + 8 * u) / (painted === "0" ? 2 : 2 + 8 * was)).toFixed(3));
    });
  },

  // Show a state. `firsts` says for every element at which position it is reached first.
  show(place, firsts, now, isBackward) {
    const wanted = elements.map((_, n) => {
      const mark = now.elements.has(n) ? " now" : now.ends.has(n) ? " end" : "";
      return (firsts[n] <= place ? "done" : "later") + mark;
    });
    elements.forEach((one, n) => {
      if (one.dataset.state === wanted[n]) return;
      one.classList.remove("done", "later", "now", "end");
      one.classList.add(...wanted[n].split(" "));
      one.dataset.state = wanted[n];
    });
    svg.classList.toggle("backward", isBackward);
    if (now.elements.size) this.follow([...now.elements, ...now.ends]);
  },

  // Scroll the picture inside its own frame so that the event stands in the middle.
  follow(places) {
    const frame = paper.getBoundingClientRect();
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const n of places) {
      const box = elements[n].getBoundingClientRect();
      if (box.right - box.left > frame.width * 0.9) continue; // the bar of L spans all steps
      [left, right] = [Math.min(left, box.left), Math.max(right, box.right)];
      [top, bottom] = [Math.min(top, box.top), Math.max(bottom, box.bottom)];
    }
    if (left > right) return;
    const inside = left > frame.left + 60 && right < frame.right - 60 && top > frame.top + 20 && bottom < frame.bottom - 20;
    if (inside) return;
    paper.scrollTo({
      left: paper.scrollLeft + (left + right) / 2 - (frame.left + frame.right) / 2,
      top: paper.scrollTop + (top + bottom) / 2 - (frame.top + frame.bottom) / 2,
      behavior: calm.matches || player.quick() ? "auto" : "smooth",
    });
  },

  // The path from the losses of some steps back to the uses of weights in some steps: the wires on it.
  path([s, last], [k, end]) {
    const isFolded = (step) => data.fold && data.fold.steps[0] <= step && step <= data.fold.steps[1];
    const start = data.losses[s] ?? (isFolded(s) ? data.fold.node : undefined);
    const choice = (s === last && data.choices.find((one) => one.s === s)) || data.choices.find((one) => one.s < 0) || data.choices.find((one) => s <= one.s && one.s <= last);
    if (start === undefined || !choice) return [];
    const passes = (n) => !"-0/".includes(choice.wires[n]);
    const isGoal = (node) => (isFolded(k) ? node === data.fold.node : data.nodes[node].s === k);
    const uses = data.wires.flatMap(([u, v], n) => (data.nodes[u].k[0] === "w" && isGoal(v) && passes(n) ? [n] : []));
    const before = reach([start], (node) => wiresInto[node].filter(passes).map((n) => data.wires[n][0]));
    const after = reach(uses.map((n) => data.wires[n][1]), (node) => wiresFrom[node].filter(passes).map((n) => data.wires[n][1]));
    const between = data.wires.flatMap(([u, v], n) =>
      after.has(u) && before.has(v) && !"wi".includes(data.nodes[u].k[0]) && passes(n) ? [n] : []);
    return [...between, ...uses.filter((n) => before.has(data.wires[n][1]))];
  },

  // Light wires, and the segments of ribbons between two steps.
  light(wires, between = null) {
    const on = new Set(between ? segmentsBetween(...between) : []);
    if (between && on.size) ribbonArrows.forEach((n) => on.add(n));
    for (const n of wires.flatMap((n) => [...data.wires[n][2], ...data.nodes[data.wires[n][0]].els, ...data.nodes[data.wires[n][1]].els])) on.add(n);
    const chips = new Set(wires.filter((n) => data.nodes[data.wires[n][0]].k[0] === "w").flatMap((n) => chipsBeside(n)));
    elements.forEach((one, n) => {
      const isChip = /^w\d+-/.test(names[n]);
      one.classList.toggle("path", isChip ? chips.has(n) : on.has(n));
    });
    svg.classList.toggle("with-path", wires.length > 0);
    if (wires.length) this.follow(wires.flatMap((n) => data.wires[n][2]));
  },

  zoom: 1,
  isFitted: true, // until somebody makes it larger or smaller
  resize(factor) {
    this.isFitted = !factor;
    this.zoom = factor ? Math.min(4, Math.max(0.2, this.zoom * factor)) : this.fitting();
    paper.style.setProperty("--zoom", this.zoom);
  },

  // As high as the frame; or as wide, where that is hardly smaller.
  fitting() {
    const { width, height } = svg.viewBox.baseVal;
    const [wide, high] = [paper.clientWidth / width, paper.clientHeight / height];
    if (wide > 0.6 && wide < high) return Math.min(wide * 0.995, 1.3) / high;
    return Math.min(1, 1.3 / high);
  },
};

// The chip of a weight that stands beside one user: chips are named weight-user.
function chipsBeside(wire) {
  const [u, v] = data.wires[wire];
  const chips = new Set([`${data.nodes[u].k}-${data.nodes[v].k}`.replace(/[^A-Za-z0-9]+/g, "-")]);
  return data.nodes[u].els.filter((n) => chips.has(names[n]) || data.nodes[u].els.length === 1);
}

function reach(starts, neighbours) {
  const found = new Set(starts);
  const waiting = [...found];
  while (waiting.length) {
    for (const key of neighbours(waiting.pop())) {
      if (!found.has(key)) {
        found.add(key);
        waiting.push(key);
      }
    }
  }
  return found;
}

// Nodes are buttons: one stop of the tab key, arrow keys from node to node.
const nodeOfElement = new Map();
data.nodes.forEach((one, n) => {
  for (const e of one.els) {
    if (names[e].startsWith("gradient-")) elements[e].classList.add("spoiler");
    else nodeOfElement.set(elements[e], n);
  }
});
const buttons = [...nodeOfElement.keys()].filter((one) => !/^p-(value-|text)/.test(one.id)); // a box, and not what is written on it
svg.setAttribute("role", "group");
svg.setAttribute("aria-label", "Nodes of the picture: arrow keys move from node to node, Enter opens one");
svg.querySelectorAll("g.node, g.cluster").forEach((group) => {
  if (!buttons.includes(group)) group.setAttribute("aria-hidden", "true");
});
svg.querySelectorAll("g.edge").forEach((group) => group.setAttribute("aria-hidden", "true"));
const nodeWords = ({ kind, label, s }) => `${kind} ${label}${s >= 0 ? `, ${data.when[s]}` : ""}`;
const userOfChip = new Map(); // a weight's chip stands beside the node that uses it
data.wires.forEach(([u, v], n) => {
  if (data.nodes[u].k[0] === "w") for (const chip of chipsBeside(n)) userOfChip.set(elements[chip], v);
});
buttons.forEach((one, n) => {
  const about = data.nodes[nodeOfElement.get(one)];
  const user = about.els.length > 1 ? userOfChip.get(one) : undefined;
  one.setAttribute("role", "button");
  one.setAttribute("tabindex", n ? "-1" : "0");
  one.setAttribute("aria-label", nodeWords(about) + (user === undefined ? "" : ` beside ${nodeWords(data.nodes[user])}`));
});

function focusNode(one) {
  buttons.forEach((other) => other.setAttribute("tabindex", other === one ? "0" : "-1"));
  one.focus({ preventScroll: true });
  picture.follow([elements.indexOf(one)]);
}

// The nearest node in a direction: what lies to the side counts double.
function neighbour(one, dx, dy) {
  const centre = (box) => [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const [x, y] = centre(one.getBoundingClientRect());
  let best = null;
  let least = Infinity;
  for (const other of buttons) {
    const [u, v] = centre(other.getBoundingClientRect());
    const [along, across] = dx ? [(u - x) * dx, Math.abs(v - y)] : [(v - y) * dy, Math.abs(u - x)];
    if (other !== one && along > 1 && along + 2 * across < least) [best, least] = [other, along + 2 * across];
  }
  return best;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
svg.addEventListener("keydown", (event) => {
  const one = event.target.closest("[role=button]");
  if (!one) return;
  if (event.key === "Enter" || event.key === " ") nodePanel.open(nodeOfElement.get(one));
  else if (ARROWS[event.key]) focusNode(neighbour(one, ...ARROWS[event.key]) || one);
  else return;
  event.preventDefault();
  event.stopPropagation();
});
svg.addEventListener("click", (event) => {
  for (let one = event.target; one && one !== svg; one = one.parentNode) {
    if (nodeOfElement.has(one)) return nodePanel.open(nodeOfElement.get(one));
  }
});
document.getElementById("smaller").addEventListener("click", () => picture.resize(1 / 1.25));
document.getElementById("larger").addEventListener("click", () => picture.resize(1.25));
document.getElementById("fit").addEventListener("click", () => picture.resize(0));

// What the colours mean: the gradient of each loss has a scale of its own.
function tellScale() {
  const bar = element("span", { class: "bar" }, ...data.palette.lines.map((hue) => {
    const cell = element("i");
    cell.style.background = hue;
    return cell;
  }));
  document.getElementById("scale").replaceChildren(
    element("span", {}, "‖gradient‖ "),
    element("span", {}, (scale.clamped ? "≤ " : "") + written(scale.low, 2)), bar, element("span", {}, written(scale.high, 2)),
    element("span", { class: "sample" }, "grey: value, forward"),
  );
}
tellScale();
