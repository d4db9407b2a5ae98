// ---- formulas: trees of lists as MathML, as text of the tape, and as words ----

const data = JSON.parse(document.getElementById("data").textContent);
const MATH = "http://www.w3.org/1998/Math/MathML";
const lineOf = new Map(data.lines.map((line) => [line.i, line]));

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function math(tag, attributes, ...children) {
  const made = document.createElementNS(MATH, tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const operator = (text, space = "0.22em") => math("mo", { lspace: space, rspace: space, stretchy: "false" }, text);

// A name has three parts: base, primes, subscript. With a bar it is an adjoint.
function nameMath([base, primes, sub], bar) {
  let core = math(/^[\p{L}]{1,3}[⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉]*$/u.test(base) ? "mi" : "mtext", {}, base);
  if (bar) core = math("mover", { class: "bar" }, core, math("mo", { stretchy: "true" }, "‾"));
  if (primes) core = math("mrow", {}, core, math("mo", { lspace: "0", rspace: "0" }, primes));
  if (!sub) return core;
  return math("msub", {}, core, math(/^\d+$/.test(sub) ? "mn" : "mtext", {}, sub));
}

const nameText = ([base, primes, sub]) => (base === "v" && sub ? `v${sub}` : base + primes + (sub ? `[${sub}]` : ""));
const nameWords = ([base, primes, sub]) => [base, primes && "prime", sub].filter(Boolean).join(" ");

// The line that slot k of a tree stands for: an argument of a line, or the line itself.
function slotLine(slots, k) {
  return lineOf.get(k < slots.p.length ? slots.p[k] : slots.i);
}

const isScalar = (tree, slots) =>
  tree[0] === "n" || ((tree[0] === "v" || tree[0] === "d") && (slotLine(slots, tree[1])?.s.length === 0));

function treeMath(tree, slots) {
  const [kind, ...rest] = tree;
  const part = (n) => treeMath(rest[n], slots);
  switch (kind) {
    case "v":
    case "d": {
      const line = slotLine(slots, rest[0]);
      return line ? nameMath(line.n, kind === "d") : math("mtext", {}, "·");
    }
    case "n": return math("mn", {}, rest[0]);
    case "i": return math("mi", { mathvariant: "normal" }, rest[0].replaceAll("_", " "));
    case "t": return math("mtext", {}, rest[0]);
    case "row": return math("mrow", {}, ...rest.map((one) => treeMath(one, slots)));
    case "p": return math("mrow", {}, operator("(", "0"), part(0), operator(")", "0"));
    case "neg": return math("mrow", {}, operator("−", "0"), part(0));
    case "T": return math("msup", {}, part(0), math("mo", { lspace: "0", rspace: "0" }, "⊤"));
    case "/": return math("mfrac", {}, part(0), part(1));
    case "**": return math("msup", {}, part(0), part(1));
    case "·": return math("mrow", {}, part(0), math("mspace", { width: "0.15em" }), part(1));
    case "⊙": return math("mrow", {}, part(0), operator(rest.some((one) => isScalar(one, slots)) ? "⋅" : "⊙"), part(1));
    case "[]": return math("mrow", {}, part(0), math("mtext", {}, `[${rest[1]}]`));
    case "f": return functionMath(rest[0], rest.slice(1).map((one) => treeMath(one, slots)));
    default: return math("mrow", {}, part(0), operator(kind), part(1));
  }
}

function functionMath(name, parts) {
  if (name === "sqrt" && parts.length === 1) return math("msqrt", {}, parts[0]);
  const inside = parts.flatMap((part, n) => (n ? [operator(",", "0.1em"), part] : [part]));
  const called = math("mi", { mathvariant: "normal" }, name.replaceAll("_", " "));
  return math("mrow", {}, called, operator("(", "0"), ...inside, operator(")", "0"));
}

// As `print(tape)` writes it.
function treeText(tree, slots) {
  const [kind, ...rest] = tree;
  const part = (n) => treeText(rest[n], slots);
  switch (kind) {
    case "v": {
      const line = slotLine(slots, rest[0]);
      return line ? nameText(line.n) : "·";
    }
    case "d": return `d[${nameText(slotLine(slots, rest[0]).n)}]`;
    case "n":
    case "i":
    case "t": return rest[0];
    case "row": return rest.map((one) => treeText(one, slots)).join("");
    case "p": return `(${part(0)})`;
    case "neg": return `−${part(0)}`;
    case "T": return `${part(0)}.T`;
    case "·": return `${part(0)} @ ${part(1)}`;
    case "⊙": return `${part(0)} * ${part(1)}`;
    case "[]": return `${part(0)}[${rest[1]}]`;
    case "f": return `${rest[0]}(${rest.slice(1).map((one) => treeText(one, slots)).join(", ")})`;
    default: return `${part(0)} ${kind} ${part(1)}`;
  }
}

const SAID = { "+": "plus", "−": "minus", "⊙": "times", "·": "times", "/": "over", "=": "equals", "<": "less than", ">": "greater than" };

function treeWords(tree, slots) {
  const [kind, ...rest] = tree;
  const part = (n) => treeWords(rest[n], slots);
  switch (kind) {
    case "v": return nameWords(slotLine(slots, rest[0])?.n || ["something", "", ""]);
    case "d": return `gradient of ${nameWords(slotLine(slots, rest[0]).n)}`;
    case "n":
    case "t": return rest[0];
    case "i": return rest[0].replaceAll("_", " ");
    case "row": return rest.map((one) => treeWords(one, slots)).join(" ");
    case "p": return `bracket ${part(0)} close`;
    case "neg": return `minus ${part(0)}`;
    case "T": return `${part(0)} transposed`;
    case "**": return rest[1][1] === "2" ? `${part(0)} squared` : `${part(0)} to the power ${part(1)}`;
    case "[]": return `${part(0)} at ${rest[1]}`;
    case "f": return `${rest[0].replaceAll("_", " ")} of ${rest.slice(1).map((one) => treeWords(one, slots)).join(" and ")}`;
    default: return `${part(0)} ${SAID[kind] || kind} ${part(1)}`;
  }
}

// Equations of events: what is computed, what is brought back.
function forwardMath(line) {
  return math("math", { display: "block" }, nameMath(line.n), operator("=", "0.3em"), treeMath(data.trees[line.f], line));
}

function backwardMath([child, k, rule], first) {
  const slots = lineOf.get(child);
  const [parts, place, tree] = data.rules[rule];
  const before = parts.map(([name, part]) =>
    math("math", { display: "block" }, math("mi", {}, name), operator("=", "0.3em"), treeMath(part, slots)));
  const target = [nameMath(lineOf.get(slots.p[k]).n, true)];
  if (place) target.push(math("mtext", {}, `[${place}]`));
  const sign = operator(first && !place ? "=" : "+=", "0.35em");
  return [...before, math("math", { display: "block" }, ...target, sign, treeMath(tree, slots))];
}
