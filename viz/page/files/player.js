// ---- player: where we are, and everything that moves us ----

const byId = (id) => document.getElementById(id);
const [slider, speed, lossMenu, playButton] = ["slider", "speed", "loss", "play"].map(byId);
const computed = data.forward; // lines, and −1 − n for part n: a folded step
const partOf = (id) => (id < 0 ? data.parts[-1 - id] : null);
const computedAt = new Map(computed.flatMap((id, n) => [id, ...(partOf(id)?.makes || [])].map((i) => [i, n + 1])));

const player = {
  place: 0,
  choice: null,
  timer: null,
  state: null,

  get forward() { return computed.length; },
  get total() { return this.forward + (this.choice ? 1 + this.choice.e.length : 0); },
  quick() { return this.timer !== null && Number(speed.value) < 500; },

  // The position of the event of a line or a part: computed in the forward phase; passing on its adjoint in the
  // backward one.
  placeOf(i) {
    if (this.place <= this.forward || !this.choice) return computedAt.get(i) ?? -1;
    const at = this.choice.e.findIndex((n) => data.edges[n][0] === i);
    const into = this.choice.e.findIndex((_, n) => arrivals(this.choice, n).some((one) => one.i === i));
    const found = at >= 0 ? at : into;
    return found < 0 ? computedAt.get(i) ?? -1 : this.forward + 2 + found;
  },

  go(place) {
    this.place = Math.max(0, Math.min(this.total, Math.round(place)));
    this.show();
  },

  choose(n, place = null) {
    const before = this.event();
    this.choice = data.choices[n] || null;
    lossMenu.value = String(n);
    if (this.choice) {
      picture.choose(this.choice);
      gradients.choose(this.choice);
      contributions.choose(this.choice);
    }
    this.arrivals = new Map(); // how many contributions each line gets
    (this.choice?.e || []).forEach((_, n) => {
      for (const { i } of arrivals(this.choice, n)) this.arrivals.set(i, (this.arrivals.get(i) || 0) + 1);
    });
    this.firsts = firstPlaces(this.choice, this.forward);
    slider.max = String(this.total);
    slider.style.setProperty("--split", String(this.total ? this.forward / this.total : 1));
    byId("to-forward").style.flexGrow = String(Math.max(1, this.forward));
    byId("to-backward").style.flexGrow = String(Math.max(1, this.total - this.forward));
    if (place !== null) return this.go(place);
    if (before.kind !== "backward") return this.go(Math.min(this.place, this.forward + (before.kind === "seed" ? 1 : 0)));
    const same = this.choice.e.findIndex((e) => e >= before.edge); // the same contribution, or the next one there is
    return this.go(this.forward + (same < 0 ? 1 + this.choice.e.length : same + 2));
  },

  // The event at the current position.
  event() {
    const p = this.place;
    if (p === 0) return { kind: "start" };
    if (p <= this.forward) return { kind: "forward", id: computed[p - 1], line: lineOf.get(computed[p - 1]) };
    if (p === this.forward + 1) return { kind: "seed", i: this.choice.seeds[0][0], seed: this.choice.seeds[0][1], isRow: this.choice.seeds[0].length > 2 };
    const n = p - this.forward - 2;
    return { kind: "backward", n, edge: this.choice.e[n] };
  },

  show() {
    const event = this.event();
    const isBackward = event.kind === "seed" || event.kind === "backward";
    const count = event.kind === "backward" ? event.n + 1 : 0;
    const state = { place: this.place, isBackward, computedAt, arrivals: this.arrivals, count, current: null, arrived: new Map() };
    state.adjoint = isBackward ? accumulate(this.choice, count) : new Map();
    if (event.kind === "forward") state.current = event.id;
    if (event.kind === "seed") state.current = event.i;
    if (event.kind === "backward") {
      state.current = data.edges[event.edge][0];
      const before = accumulate(this.choice, count - 1);
      for (const one of arrivals(this.choice, event.n)) {
        state.arrived.set(one.i, { ...one, before: before.get(one.i)?.norm ?? null });
      }
    }
    this.state = state;
    picture.show(this.place, this.firsts, lit(event), isBackward);
    tape.show(state);
    gradients.show(state);
    nodePanel.show(state);
    tellEvent(event, state, this);
    slider.value = String(this.place);
    slider.setAttribute("aria-valuetext", `event ${this.place} of ${this.total}, ${isBackward ? "backward" : "forward"}`);
    byId("count").textContent = `${this.place} / ${this.total}`;
    byId("first").disabled = byId("previous").disabled = this.place === 0;
    byId("last").disabled = byId("next").disabled = this.place === this.total;
    byId("to-forward").setAttribute("aria-pressed", String(!isBackward));
    byId("to-backward").setAttribute("aria-pressed", String(isBackward));
    this.remember();
  },

  // The address keeps the position, so that a link leads to one event; an inline frame may refuse.
  remember() {
    const at = this.choice && data.choices.indexOf(this.choice) !== data.first ? `&loss=${data.choices.indexOf(this.choice)}` : "";
    try {
      history.replaceState(null, "", `#e=${this.place}${at}`);
    } catch { /* a frame without an address of its own */ }
  },

  recall() {
    const found = /^#e=(\d+)(?:&loss=(\d+))?$/.exec(location.hash);
    const n = found && found[2] !== undefined && data.choices[Number(found[2])] ? Number(found[2]) : data.first;
    this.choose(n, found ? Number(found[1]) : 0);
  },

  play() {
    if (this.timer !== null) return this.pause();
    if (this.place === this.total) this.place = 0;
    const step = () => {
      this.timer = setTimeout(step, Number(speed.value));
      if (this.place + 1 >= this.total) this.pause();
      this.go(this.place + 1);
    };
    this.timer = setTimeout(step, 0);
    this.button("Pause", "M4 2h4v12H4zM12 2h4v12h-4z");
  },

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button("Play", "M5 1v14l12-7z");
  },

  button(name, sign) {
    playButton.setAttribute("aria-label", name);
    byId("play-sign").setAttribute("d", sign);
  },

  by(n) {
    this.pause();
    this.go(this.place + n);
  },
};

// At which position every element of the picture is reached first; what is given from the start at 0.
function firstPlaces(choice, forward) {
  const first = elements.map((_, n) => (lanes[n] === "node" ? 0 : Infinity));
  const note = (n, place, lane) => {
    if ((lanes[n] === "tip" ? "bwd" : lanes[n]) === lane) first[n] = Math.min(first[n], place);
  };
  const waiting = new Map(); // a node is reached when the last of its lines is
  for (const id of computed) {
    const place = computedAt.get(id);
    const { w: wires, o: nodes } = partOf(id) || lineOf.get(id);
    for (const w of wires) for (const n of data.wires[w][2]) note(n, place, "fwd");
    for (const n of id < 0 ? ribbonArrows : []) note(n, place, "fwd");
    for (const o of nodes) if (id < 0 || data.nodes[o].lines.includes(id) || data.nodes[o].kind === "total") waiting.set(o, place);
  }
  for (const [o, place] of waiting) for (const n of data.nodes[o].els) first[n] = place;
  if (!choice) return first;
  choice.e.forEach((e, at) => {
    for (const w of data.edges[e][3]) for (const n of data.wires[w][2]) note(n, forward + 2 + at, "bwd");
    for (const n of segmentsOf(partOf(data.edges[e][0]))) note(n, forward + 2 + at, "segment");
  });
  elements.forEach((_, n) => { // the seed's own wire; where nothing comes back the dotted line appears at the end
    if (!["bwd", "tip", "segment"].includes(lanes[n]) || first[n] !== Infinity) return;
    const letter = lanes[n] === "segment" ? "0" : choice.levels[n];
    first[n] = forward + 1 + ("0/".includes(letter) ? choice.e.length : 0);
  });
  return first;
}

// Which elements an event lights, and the ends of what it lights.
function lit(event) {
  const now = { elements: new Set(), ends: new Set() };
  const isBackward = event.kind === "backward";
  const id = isBackward ? data.edges[event.edge][0] : event.id;
  const wires = event.kind === "forward" ? (partOf(id) || event.line).w : isBackward ? data.edges[event.edge][3] : [];
  for (const w of wires) {
    const [u, v, ids] = data.wires[w];
    for (const n of ids) if (isBackward ? lanes[n] === "bwd" || lanes[n] === "tip" : lanes[n] === "fwd") now.elements.add(n);
    for (const end of [u, v]) {
      const own = data.nodes[end].k[0] === "w" ? chipsBeside(w) : data.nodes[end].els;
      if (isBackward || end === v) for (const n of own) now.ends.add(n);
    }
  }
  const part = partOf(id);
  for (const n of part ? (isBackward ? segmentsOf(part) : ribbonArrows) : []) now.elements.add(n);
  const nodes = part ? part.o : event.kind === "forward" ? event.line.o : event.kind === "seed" ? lineOf.get(event.i).o
    : isBackward && !now.elements.size ? lineOf.get(id).o : []; // inside a box, or on no wire
  for (const o of nodes) for (const n of data.nodes[o].els) (event.kind === "forward" && wires.length ? now.ends : now.elements).add(n);
  return now;
}

// ---- what people do ----
function start() {
  tape.build();
  gradients.build();
  contributions.build();
  for (const note of data.notes) byId("notes").append(element("p", {}, note));
  data.choices.forEach((choice, n) => lossMenu.append(element("option", { value: String(n) }, choice.t ? `ℓ at ${choice.when}` : "L, the whole loss")));
  byId("choose-loss").hidden = data.choices.length < 2;
  byId("to-backward").disabled = !data.choices.length;
  const moves = {
    first: () => player.by(-Infinity), previous: () => player.by(-1), next: () => player.by(1), last: () => player.by(Infinity),
    play: () => player.play(),
    "to-forward": () => { player.pause(); player.go(0); },
    "to-backward": () => { player.pause(); player.go(player.forward + 1); },
  };
  for (const [id, move] of Object.entries(moves)) byId(id).addEventListener("click", move);
  slider.addEventListener("input", () => { player.pause(); player.go(Number(slider.value)); });
  lossMenu.addEventListener("change", () => player.choose(Number(lossMenu.value)));
  addEventListener("hashchange", () => player.recall());
  night.addEventListener("change", () => player.choose(Number(lossMenu.value), player.place));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const onButton = event.target.closest?.("button");
    const act = { ArrowRight: moves.next, ArrowLeft: moves.previous, Home: moves.first, End: moves.last }[event.key];
    if (act) act();
    else if (event.key === " " && !onButton) moves.play();
    else if (event.key === "Escape" && !nodeBox.hidden) nodePanel.close();
    else if (event.key === "Escape") contributions.release();
    else return;
    event.preventDefault();
  });
  swipe(byId("now"), (n) => player.by(n));
  picture.resize(0);
  new ResizeObserver(() => picture.isFitted && picture.resize(0)).observe(paper);
  player.recall();
}

// A swipe over the equation: to the left is the next event.
function swipe(box, move) {
  let from = null;
  box.addEventListener("touchstart", (event) => { from = [event.touches[0].clientX, event.touches[0].clientY]; }, { passive: true });
  box.addEventListener("touchend", (event) => {
    if (!from) return;
    const dx = event.changedTouches[0].clientX - from[0];
    const dy = event.changedTouches[0].clientY - from[1];
    if (Math.abs(dx) > 40 && Math.abs(dx) > 2 * Math.abs(dy)) move(dx < 0 ? 1 : -1);
    from = null;
  }, { passive: true });
}

start();
