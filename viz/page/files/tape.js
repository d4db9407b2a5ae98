// ---- tape: the Wengert list, one button a line ----

const list = document.getElementById("list");
const rows = new Map();

const tape = {
  build() {
    let heading = null;
    let group = null;
    for (const line of data.lines) {
      if (line.g !== undefined) {
        this.buildPart(line.g);
        group = null;
        continue;
      }
      if (line.h !== heading || !group) {
        heading = line.h;
        group = element("ol", { class: "group" });
        const title = data.headings[heading] || (!data.when.length ? "lines" : rows.size ? "outside the steps" : "leaves");
        list.append(element("li", {}, element("h3", {}, title), group));
      }
      const what = line.f < 0 ? ` ${line.r}` : ` = ${treeText(data.trees[line.f], line)}`;
      group.append(element("li", {}, this.row(line.i, line, nameText(line.n), what)));
    }
    list.addEventListener("keydown", (event) => this.key(event));
  },

  // A folded step has one row, with the numbers of the first line that it makes.
  buildPart(g) {
    if (rows.has(-1 - g)) return;
    const part = data.parts[g];
    const made = part.makes.map((i) => lineOf.get(i));
    const names = made.map(({ n: [base, primes] }) => base + primes); // of the step that stands before them
    const few = names.length > 4 ? `${names.slice(0, 3).join(", ")}, …` : names.join(", ");
    const what = part.s < 0 ? `: ${part.n} lines` : `: ${part.n} lines make ${few}`;
    list.append(element("li", { class: "part" }, this.row(-1 - g, made[0], part.s < 0 ? "sums of folded steps" : data.when[part.s], what)));
  },

  row(id, line, name, what) {
    const text = element("span", { class: "text" }, element("b", {}, name), what);
    const number = element("span", { class: "number" });
    const button = element("button", { class: "row", tabindex: rows.size ? "-1" : "0" }, text, number);
    button.dataset.line = id;
    button.addEventListener("click", () => this.choose(id));
    rows.set(id, { button, number, line });
    return button;
  },

  // A click goes to the event of the line: where it is computed, or, on the way back, where its adjoint is passed on.
  choose(i) {
    const place = player.placeOf(i);
    if (place >= 0) player.go(place);
    else nodePanel.open(lineOf.get(i).o[0]);
  },

  key(event) {
    const all = [...rows.values()].map((row) => row.button);
    const at = all.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || !all[to]) return;
    all.forEach((one) => one.setAttribute("tabindex", "-1"));
    all[to].setAttribute("tabindex", "0");
    all[to].focus();
    event.preventDefault();
    event.stopPropagation();
  },

  show(state) {
    for (const [i, { button, number, line }] of rows) {
      const adjoint = state.adjoint.get(line.i);
      const isGiven = i >= 0 && line.f < 0;
      const isComputed = isGiven || state.computedAt.get(i) <= state.place;
      let kind = isComputed ? "done" : "later";
      if (i === state.current) kind += " now";
      if (state.arrived.has(line.i) && i !== state.current) kind += " target";
      button.className = `row ${kind}`;
      const shown = state.isBackward ? (adjoint ? `∂ ${written(adjoint.norm, 3)}` : "") : isComputed && !isGiven ? written(line.m, 3) : "";
      if (number.textContent !== shown) number.textContent = shown;
      number.style.setProperty("--hue", state.isBackward && adjoint?.norm ? lineColour(position(adjoint.norm)) : "#24303b");
      if (i === state.current) {
        button.setAttribute("aria-current", "step");
        this.follow(button);
      } else button.removeAttribute("aria-current");
    }
  },

  follow(button) {
    const top = button.offsetTop - list.offsetTop;
    if (top > list.scrollTop + 30 && top < list.scrollTop + list.clientHeight - 60) return;
    list.scrollTo({ top: top - list.clientHeight / 2, behavior: calm.matches || player.quick() ? "auto" : "smooth" });
  },
};
