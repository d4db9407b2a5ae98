// ---- contributions: C[t, k] as a table; the cell under the pointer lights its path in the picture ----

const contributionReadout = document.getElementById("contribution-readout");

// ℓ₃ where there is one loop, ℓ d3 where there are several; ℓ₃…₁₂ for the losses of some folded steps.
function lossName(column) {
  const ends = data.table.t[column].split("–");
  return ends.every((t) => /^-?\d+$/.test(t)) ? `ℓ${ends.map(subscript).join("…")}` : `ℓ ${data.table.t[column]}`;
}

const contributions = {
  cells: [],
  pinned: null,

  build() {
    const section = document.getElementById("contributions");
    if (!data.table || data.table.rows.length === 0) {
      section.hidden = true;
      return;
    }
    const table = element("table", { role: "grid", "aria-label": "norm of what step k adds to the gradient of each loss" });
    const wide = data.table.t.length;
    table.style.setProperty("--cell", `${data.fold && wide > 12 ? 12 : wide <= 5 ? 46 : wide <= 6 ? 35 : wide <= 8 ? 30 : wide <= 12 ? 19 : wide <= 16 ? 15 : 11}px`);
    table.classList.toggle("small", wide > 5);
    table.classList.toggle("folded", Boolean(data.fold) && wide > 12);
    for (const row of data.table.rows) {
      row.at = data.table.columns.findIndex(([first, last]) => first === row.s[0] && last === row.s[1]);
      const line = element("tr", {}, element("th", { scope: "row" }, lossName(row.at)));
      const made = row.c.map((_, k) => {
        if (k > row.at && !row.c[k]) return (line.append(element("td", { class: "empty", "aria-hidden": "true" })), null);
        const cell = element("td", { role: "gridcell", tabindex: "-1", "aria-selected": "false" });
        cell.addEventListener("mouseenter", () => this.light(row, k));
        cell.addEventListener("focus", () => this.light(row, k));
        cell.addEventListener("blur", () => this.dark());
        cell.addEventListener("mouseleave", () => this.dark());
        cell.addEventListener("click", () => this.pin(row, k, cell));
        line.append(cell);
        return cell;
      });
      this.cells.push({ row, line, made });
      table.append(line);
    }
    const every = data.fold ? 4 : wide <= 16 ? 1 : 5;
    const isHeaded = (k) => k === wide - 1 || (k % every === 0 && (every === 1 || k < wide - 3));
    const heads = data.table.t.map((t, k) => element("th", { scope: "col" }, isHeaded(k) ? t.split("–")[0] : ""));
    table.append(element("tr", { class: "times" }, element("th", {}, "k ="), ...heads));
    table.addEventListener("keydown", (event) => this.key(event));
    document.getElementById("table").append(table);
    this.cells[0].made.find(Boolean).setAttribute("tabindex", "0");
  },

  // With L followed each row counts as L weighs it; with one loss, as that loss alone.
  choose(choice) {
    if (!data.table) return;
    const kind = (this.kind = choice.s < 0 ? "w" : "c");
    const all = data.table.rows.flatMap((row) => row[kind]).filter((x) => x > 0 && Number.isFinite(x));
    const high = Math.max(...all, 1e-300);
    const low = Math.min(high / 10, all.sort((a, b) => a - b)[Math.floor(0.04 * all.length)] || high / 10);
    for (const { row, line, made } of this.cells) {
      const isFollowed = row.s[0] === choice.s && row.s[1] === choice.s;
      line.classList.toggle("followed", isFollowed);
      line.classList.toggle("other", choice.s >= 0 && !isFollowed);
      made.forEach((cell, k) => {
        if (!cell) return;
        const x = row[kind][k];
        const u = x > 0 ? Math.min(1, Math.max(0, Math.log(x / low) / Math.log(high / low))) : 0;
        const hue = x ? cellColour(u) : signedColour(0, 1);
        cell.style.backgroundColor = hue;
        cell.classList.toggle("strong", isDark(hue));
        cell.dataset.value = x;
        cell.textContent = this.cells.length && data.table.t.length <= 8 ? written(x, 2) : x ? "" : "0";
        cell.setAttribute("aria-label", this.words(row, k, x));
      });
    }
    this.hint = kind === "w"
      ? "Norm of what step k adds to ∂L/∂θ through each loss ℓ. Point at a cell for its path. Colours on a scale of their own."
      : "Norm of what step k adds to each loss's own ∂ℓ/∂θ. Point at a cell for its path. Colours on a scale of their own.";
    contributionReadout.textContent = this.hint;
  },

  words(row, k, x) {
    const isOne = ([first, last]) => first === last;
    const adds = `${data.table.at[k]} ${isOne(data.table.columns[k]) ? "adds" : "together add"} ${written(x, 4)}`;
    const losses = `the ${isOne(row.s) ? "loss" : "losses"} of ${data.table.at[row.at]}`;
    return `${adds} to the gradient of ${this.kind === "w" ? "L through " : isOne(row.s) ? "" : "the sum of "}${losses}`;
  },

  light(row, k) {
    const wires = picture.path(row.s, data.table.columns[k]);
    const x = row[this.kind][k];
    contributionReadout.textContent = `${this.words(row, k, x)}${wires.length ? `: ${wires.length} edges on the way` : ": no path"}`;
    picture.light(wires, wires.length ? [data.table.columns[k][0] + 1, row.s[1]] : null);
  },

  dark() {
    if (this.pinned) return this.light(...this.pinned.what);
    contributionReadout.textContent = this.hint;
    picture.light([]);
  },

  // A click keeps the path until the next click, or Escape.
  pin(row, k, cell) {
    const same = this.pinned?.cell === cell;
    this.unpin();
    this.pinned = same ? null : { what: [row, k], cell };
    cell.classList.toggle("pinned", !same);
    cell.setAttribute("aria-selected", String(!same));
    if (same) picture.light([]);
    else this.light(row, k);
  },

  release() {
    this.unpin();
    picture.light([]);
  },

  unpin() {
    this.pinned?.cell.classList.remove("pinned");
    this.pinned?.cell.setAttribute("aria-selected", "false");
    this.pinned = null;
  },

  key(event) {
    const r = this.cells.findIndex(({ made }) => made.includes(event.target));
    if (r < 0) return;
    const k = this.cells[r].made.indexOf(event.target);
    if (event.key === "Enter" || event.key === " ") this.pin(this.cells[r].row, k, event.target);
    else if (event.key === "Escape") this.release();
    else if (ARROWS[event.key]) {
      const [dx, dy] = ARROWS[event.key];
      const to = this.cells[r + dy]?.made[k + dx];
      if (to) {
        event.target.setAttribute("tabindex", "-1");
        to.setAttribute("tabindex", "0");
        to.focus();
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  },
};

function subscript(text) {
  return /^\d+$/.test(text) ? text.replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]) : ` ${text}`;
}
