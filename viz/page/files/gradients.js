// ---- gradients: every parameter's gradient as a small heat map that fills up ----

const maps = document.getElementById("maps");
const gradientReadout = document.getElementById("gradient-readout");

const gradients = {
  parts: [],

  build() {
    maps.classList.toggle("many", data.weights.length > 8);
    for (const weight of data.weights) {
      const line = lineOf.get(weight.i);
      if (!line) continue;
      const caption = element("figcaption");
      const label = math("math", {}, math("mfrac", {}, math("mrow", {}, operator("∂", "0"), nameMath(lineOf.get(data.loss).n)),
        math("mrow", {}, operator("∂", "0"), nameMath(line.n))));
      const number = element("span", { class: "norm" });
      caption.append(label, number);
      const figure = element("figure", {}, caption);
      const part = { weight, line, figure, label, number, cells: [] };
      if (this.keeps(weight)) figure.append(this.grid(part));
      else figure.append(element("p", { class: "large" }, `${line.s.join(" × ")}: too many entries for cells, the norm alone`));
      this.parts.push(part);
      maps.append(figure);
    }
    if (!this.parts.length || !data.choices.length) document.getElementById("gradients").hidden = true;
    const first = this.parts.find((part) => part.cells.length);
    if (first) first.cells[0].setAttribute("tabindex", "0");
  },

  // Whole contributions to this parameter are in the page's data.
  keeps(weight) {
    return data.choices.some((choice) => choice.e.some((_, n) => arrivals(choice, n).some(({ i, array }) => i === weight.i && array)));
  },

  grid(part) {
    const { weight, line } = part;
    const table = element("table", { role: "grid", "aria-label": `gradient of ${nameWords(line.n)}` });
    table.style.setProperty("--cell", `${this.cellSize(weight)}px`);
    for (let r = 0; r < weight.rows; r++) {
      const row = element("tr");
      for (let c = 0; c < weight.columns; c++) {
        const index = weight.columns > 1 ? `${r + 1}, ${c + 1}` : `${r + 1}`;
        const label = `entry ${index} of the gradient of ${nameText(line.n)}`;
        const cell = element("td", { tabindex: "-1", role: "gridcell", "aria-label": label });
        part.cells.push(cell);
        for (const kind of ["focus", "mouseenter"]) cell.addEventListener(kind, () => this.tell(part, cell, index));
        row.append(cell);
      }
      table.append(row);
    }
    table.addEventListener("keydown", (event) => this.key(event, part));
    table.addEventListener("mouseleave", () => (gradientReadout.textContent = this.hint));
    return table;
  },

  // Small enough that all maps stand side by side, or in two rows.
  cellSize({ rows: high, columns }) {
    const most = data.weights.length > 8 ? 10 : 17;
    return Math.max(4, Math.min(most, Math.floor((data.weights.length > 8 ? 70 : 110) / high), Math.floor(220 / columns)));
  },

  hint: "",

  tell(part, cell, index) {
    const at = part.cells.indexOf(cell);
    const sum = part.sum ? part.sum[at] : 0;
    const added = part.added ? `, this event adds ${written(part.added[at], 3)}` : "";
    const text = `entry ${index} of the gradient of ${nameText(part.line.n)}: ${written(sum, 3)}${added}`;
    cell.setAttribute("aria-label", text);
    gradientReadout.textContent = text;
  },

  key(event, part) {
    const at = part.cells.indexOf(event.target);
    const columns = part.weight.columns;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (at < 0 || !by) return;
    const withCells = this.parts.filter((one) => one.cells.length);
    let to = part.cells[at + by];
    if (!to) {
      const other = withCells[withCells.indexOf(part) + Math.sign(by)];
      to = other && (by > 0 ? other.cells[0] : other.cells.at(-1));
    }
    if (to) {
      event.target.setAttribute("tabindex", "-1");
      to.setAttribute("tabindex", "0");
      to.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  },

  // The largest entry of every whole gradient of a choice: the ends of each map's colours.
  choose(choice) {
    const whole = accumulate(choice, choice.e.length);
    for (const part of this.parts) {
      const sum = whole.get(part.weight.i)?.sum;
      part.most = sum ? sum.reduce((most, x) => Math.max(most, Math.abs(x)), 0) : 0;
      part.number.dataset.most = part.most;
    }
    const loss = choice.t ? `∂ℓ${choice.t}` : "∂L";
    this.hint = `${loss} by each parameter; blue below 0, orange above, each map to its own largest entry`;
    gradientReadout.textContent = this.hint;
    for (const part of this.parts) {
      const name = lineOf.get(choice.seeds[0][0]).n;
      part.label.firstChild.replaceChildren(math("mrow", {}, operator("∂", "0"), nameMath(name)),
        math("mrow", {}, operator("∂", "0"), nameMath(part.line.n)));
    }
  },

  show(state) {
    for (const part of this.parts) {
      const found = state.adjoint.get(part.weight.i);
      const now = state.arrived.get(part.weight.i);
      part.sum = found?.sum || null;
      part.added = now?.array || null;
      part.figure.classList.toggle("now", Boolean(now));
      part.number.textContent = found ? `‖·‖ ${written(found.norm, 3)}` : "0";
      part.cells.forEach((cell, n) => {
        const hue = signedColour(part.sum ? part.sum[n] : 0, part.most);
        if (cell.style.backgroundColor !== hue) cell.style.backgroundColor = hue;
        cell.classList.toggle("added", Boolean(part.added && part.added[n]));
      });
    }
  },
};

// The adjoint of every line after a number of a choice's events: its sum where arrays are kept, its norm always.
function accumulate(choice, count) {
  const adjoint = new Map(choice.seeds.map(([i, seed, at]) => {
    const rows = at === undefined ? [seed] : arrayAt(at, sizeOf(lineOf.get(i))); // a row of what was read out jointly
    return [i, { sum: rows && Float64Array.from(rows), norm: Math.abs(seed), count: 0 }];
  }));
  for (let n = 0; n < count; n++) {
    for (const { i, norm, after, array } of arrivals(choice, n)) {
      const before = adjoint.get(i);
      if (!before) adjoint.set(i, { sum: array && Float64Array.from(array), norm, count: 1 });
      else {
        if (array && before.sum) for (let j = 0; j < array.length; j++) before.sum[j] += array[j];
        before.norm = after;
        before.count += 1;
      }
    }
  }
  return adjoint;
}

// What the n-th event of a choice brings: to one line, or to several where the lines of a part are one event.
function arrivals(choice, n) {
  const [child, k] = data.edges[choice.e[n]];
  const one = (i, norm, after, at) => ({ i, norm, after, array: arrayAt(at, sizeOf(lineOf.get(i))) });
  const [norms, sums, places] = [choice.n[n], choice.m[n], choice.a[n]];
  if (child >= 0) return [one(lineOf.get(child).p[k], norms, sums, places)];
  return k.flatMap((i, j) => (norms[j] === null ? [] : [one(i, norms[j], sums[j], places[j])]));
}
