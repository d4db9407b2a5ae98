// ---- telling: an event's equation, its own numbers, and the same in words ----

// One row of a few entries, which fits beside an equation.
const isRow = (line, most) => line.s.length > 0 && sizeOf(line) <= most && sizeOf(line) === line.s.at(-1);

const where = (i) => data.headings[lineOf.get(i).h] || (data.when.length ? "outside the steps" : `line ${i}`);
const chip = (name, ...what) => element("span", { class: "chip" }, element("small", {}, name), ...what);
const equationOf = (...parts) => math("math", { display: "block" }, ...parts);

function swatch(norm) {
  const spot = element("i", { class: "swatch" });
  spot.style.background = norm ? lineColour(position(norm)) : "transparent";
  return spot;
}

// What to show of an event: the phase, equations, chips with numbers, and a sentence.
const telling = {
  start(event, state, self) {
    const lead = element("span", { class: "lead" }, "Weights, inputs and initial states are given. Step forward.");
    const said = `Start. ${self.forward} events to compute, ${self.choice ? self.choice.e.length : 0} contributions to bring back.`;
    return { phase: "start", equations: [lead], shown: [], said };
  },

  forward({ id, line }) {
    if (!line) return tellPart.forward(partOf(id));
    const shown = [chip(line.s.length ? "norm of the value" : "value", written(line.m))];
    const array = arrayAt(line.v, sizeOf(line));
    if (array && isRow(line, 12)) shown.push(chip("entries", strip(array, line.s)));
    else if (line.s.length) shown.push(chip("shape", line.s.join(" × ")));
    const said = `${nameWords(line.n)} equals ${treeWords(data.trees[line.f], line)}: ${line.s.length ? "norm " : ""}${written(line.m)}`;
    return { phase: `forward · ${where(line.i)}`, equations: [forwardMath(line)], shown, said };
  },

  seed({ i, seed, isRow }, state, self) {
    const line = lineOf.get(i);
    const name = isRow ? `the row of ${self.choice.when}` : nameText(line.n);
    const ones = isRow ? math("mtext", {}, "1 in this row, 0 in the others") : math("mn", {}, written(seed));
    const equation = equationOf(nameMath(line.n, true), operator("=", "0.3em"), ones);
    const lead = `the derivative of ${name} by itself. A bar stands for the derivative of ${name} by what is under it; from here it flows back.`;
    const said = `Seed: the gradient of ${nameWords(line.n)} by itself is ${written(seed)}.`;
    return { phase: "backward · seed", equations: [equation], shown: [element("span", { class: "lead" }, lead)], said };
  },

  backward(event, state) {
    const edge = data.edges[event.edge];
    const all = [...state.arrived.values()];
    if (edge[0] < 0) return tellPart.backward(partOf(edge[0]), all);
    const [child, [{ i, norm, after, before, array }]] = [lineOf.get(edge[0]), all];
    const target = lineOf.get(i);
    const shown = [chip("this contribution, norm", swatch(norm), written(norm))];
    if (before !== null) shown.push(addsUp(target, before, after));
    if (array && array.length > 1 && isRow(target, 12)) shown.push(chip("entries", strip(array, target.s)));
    if (child.f >= 0) shown.push(chip("through", forwardMath(child)));
    const how = before === null ? "equals" : "plus equals";
    let said = `Gradient of ${nameWords(target.n)} ${how} ${treeWords(data.rules[edge[2]][2], child)}: norm ${written(norm)}`;
    if (before !== null) said += `, together ${written(after)}`;
    return { phase: `backward · ${where(child.i)}`, equations: backwardMath(edge, before === null), shown, said };
  },
};

const addsUp = (target, before, after) =>
  chip("adds up", math("math", {}, nameMath(target.n, true)), ` ‖·‖ ${written(before)} → ${written(after)}`);

// All lines of a folded step are one event, with exact sums; so are sums outside the steps of what folded steps made.
const tellPart = {
  forward(part) {
    const made = part.makes.map((i) => lineOf.get(i));
    const function_ = part.s < 0 ? math("mi", {}, "f") : stepMath("step", part.s);
    const equation = equationOf(
      ...listMath(made.map(({ n }) => nameMath(n))), operator("=", "0.3em"), function_,
      operator("(", "0"), ...inMath(part.reads.filter((i) => lineOf.has(i)).map((i) => nameMath(lineOf.get(i).n))), operator(")", "0"),
    );
    const shown = made.slice(0, 4).map((line) => chip(line.s.length ? "norm of" : "value of", math("math", {}, nameMath(line.n)), written(line.m)));
    const phase = `forward · ${phaseOf(part)} · ${part.n} lines in one event${part.s < 0 ? "" : ", as those of a step that is drawn"}`;
    const said = `${phaseOf(part)}: ${made.slice(0, 4).map((line) => `${nameWords(line.n)} ${line.s.length ? "has norm " : "is "}${written(line.m)}`).join(", ")}`;
    return { phase, equations: [equation], shown, said };
  },

  backward(part, all) {
    const own = new Set(part.makes);
    const weights = new Set(data.weights.map(({ i }) => i));
    const out = all.filter(({ i }) => !own.has(i)).sort((a, b) => weights.has(a.i) - weights.has(b.i));
    const makes = part.makes.map((i) => nameMath(lineOf.get(i).n, true));
    const jacobian = math("msup", {}, part.s < 0 ? math("mi", {}, "J") : stepMath("J", part.s), math("mo", {}, "⊤"));
    const targets = listMath(out.map(({ i }) => nameMath(lineOf.get(i).n, true)));
    const equation = equationOf(...targets, operator("+=", "0.35em"), jacobian, operator("(", "0"), ...inMath(makes), operator(")", "0"));
    const shown = [];
    for (const { i, norm, before, after } of out.slice(0, part.s < 0 ? 0 : 4)) {
      const bar = math("math", {}, nameMath(lineOf.get(i).n, true));
      const sum = before === null || weights.has(i) ? "" : ` (${written(before, 3)} → ${written(after, 3)})`;
      shown.push(chip(weights.has(i) ? "adds to" : "brings to", bar, swatch(norm), written(norm, 3) + sum));
    }
    const norms = out.map(({ norm }) => norm);
    if (part.s < 0) shown.push(chip("norms from", written(Math.min(...norms)), " to ", written(Math.max(...norms))));
    const told = out.slice(0, 3).map(({ i, norm }) => `to the gradient of ${nameWords(lineOf.get(i).n)} norm ${written(norm)}`);
    const phase = `backward · ${phaseOf(part)} · J is the Jacobian of all its ${part.n} lines`;
    return { phase, equations: [equation], shown, said: `${phaseOf(part)}, brings ${told.join(", ")}` };
  },
};

const phaseOf = (part) => (part.s < 0 ? "sums of folded steps" : `${data.when[part.s]}, folded`);
const stepMath = (name, s) => math("msub", {}, math("mi", { mathvariant: "normal" }, name), math("mn", {}, data.when[s].replace(/^t = /, "")));

// Names with commas; of many the first ones and the last.
function inMath(names) {
  const few = names.length <= 4 ? names : [...names.slice(0, 2), math("mo", {}, "…"), names.at(-1)];
  return few.flatMap((name, n) => (n ? [operator(",", "0.1em"), name] : [name]));
}

const listMath = (names) => (names.length === 1 ? names : [operator("(", "0"), ...inMath(names), operator(")", "0")]);

function tellEvent(event, state, self) {
  const { phase, equations, shown, said } = telling[event.kind](event, state, self);
  document.getElementById("phase").textContent = phase;
  document.getElementById("equation").replaceChildren(...equations);
  document.getElementById("numbers").replaceChildren(...shown);
  if (self.timer === null || Number(speed.value) > 1000) document.getElementById("words").textContent = said;
}
