// ---- node: what stands behind a box of the picture ----

const nodeBox = document.getElementById("node");

const nodePanel = {
  shown: -1,
  opener: null,

  open(n) {
    if (n === undefined) return;
    this.opener = document.activeElement;
    this.shown = n;
    this.show(player.state);
    nodeBox.hidden = false;
    document.body.classList.add("with-node");
    nodeBox.querySelector("button").focus({ preventScroll: true });
  },

  close() {
    nodeBox.hidden = true;
    document.body.classList.remove("with-node");
    this.shown = -1;
    this.mark();
    if (this.opener?.focus) this.opener.focus({ preventScroll: true });
  },

  mark() {
    const own = new Set(this.shown < 0 ? [] : data.nodes[this.shown].lines);
    for (const [i, { button }] of rows) button.classList.toggle("chosen", own.has(i));
    elements.forEach((one, n) => one.classList.toggle("chosen", this.shown >= 0 && data.nodes[this.shown].els.includes(n)));
  },

  show(state) {
    if (this.shown < 0) return;
    const about = data.nodes[this.shown];
    const when = about.s >= 0 ? `, ${data.when[about.s]}` : "";
    const close = element("button", { class: "close", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.close());
    const lines = about.lines.filter((i) => lineOf.has(i));
    nodeBox.replaceChildren(
      element("h2", {}, `${about.label} `, element("small", {}, `${about.kind}${when}`)), close,
      ...(about.told || []).map((text) => element("p", {}, text)),
      ...lines.slice().reverse().slice(0, 8).flatMap((i) => this.line(lineOf.get(i), state)),
    );
    this.mark();
  },

  // One line of the tape: equation, value, adjoint so far, rules, source.
  line(line, state) {
    const parts = [];
    parts.push(line.f < 0 ? math("math", { display: "block" }, nameMath(line.n)) : forwardMath(line));
    const facts = element("dl");
    const fact = (name, ...what) => facts.append(element("dt", {}, name), element("dd", {}, ...what));
    fact("shape", line.s.join(" × ") || "scalar", line.r ? ` (${line.r})` : "");
    fact("value", ...amount(line.m, arrayAt(line.v, sizeOf(line)), line));
    if (data.choices.length) {
      const adjoint = state.adjoint.get(line.i);
      const arrivals = `${adjoint?.count ?? 0} of ${state.arrivals.get(line.i) ?? 0} contributions so far`;
      fact("adjoint", ...(adjoint ? amount(adjoint.norm, adjoint.sum, line) : ["nothing has arrived"]), element("small", {}, ` ${arrivals}`));
      const each = contributionsTo(line.i, player.choice, state.count);
      if (each.length) fact("comes from", element("ul", {}, ...each.map((text) => element("li", {}, text))));
    }
    const rules = data.edges.filter(([child]) => child === line.i);
    if (rules.length) fact("local rule", ...rules.flatMap((edge) => backwardMath(edge, false)));
    const [place, text] = data.sources[line.c];
    if (place) fact("source", element("small", {}, place), element("code", {}, text));
    parts.push(facts);
    return parts;
  },
};

// What came back to a line so far, edge by edge: "tanh h₂ …" in words that need no picture.
function contributionsTo(i, choice, count) {
  const found = [];
  for (let n = 0; n < count; n++) {
    for (const one of arrivals(choice, n)) {
      if (one.i !== i) continue;
      const part = partOf(data.edges[choice.e[n]][0]);
      const from = part ? phaseOf(part) : nameText(lineOf.get(data.edges[choice.e[n]][0]).n);
      found.push(`${from}: ‖·‖ ${written(one.norm)}`);
    }
  }
  return found.length <= 12 ? found : [...found.slice(0, 11), `and ${found.length - 11} more`];
}

// A norm, or the number itself, and the entries where there are few.
function amount(norm, array, line) {
  if (line.s.length === 0) return [written(norm)];
  const shown = [`‖·‖ ${written(norm)}`];
  if (array && array.length <= 64) shown.push(strip(array, line.s));
  return shown;
}

// A small array as coloured cells, with its numbers where there are few.
function strip(array, shape) {
  const most = array.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
  const columns = shape.length > 1 ? shape.at(-1) : array.length;
  const withNumbers = columns <= 8 && array.length <= 24;
  const box = element("span", { class: withNumbers ? "strip numbers" : "strip", role: "img" });
  box.setAttribute("aria-label", `entries ${[...array.slice(0, 12)].map((x) => written(x, 3)).join(", ")}${array.length > 12 ? " and more" : ""}`);
  box.style.gridTemplateColumns = `repeat(${columns}, auto)`;
  for (const x of array) {
    const cell = element("i", {}, withNumbers ? written(x, 2) : "");
    const hue = signedColour(x, most);
    cell.style.backgroundColor = hue;
    cell.classList.toggle("strong", isDark(hue));
    box.append(cell);
  }
  return box;
}
