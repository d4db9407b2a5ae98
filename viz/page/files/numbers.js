// ---- numbers: arrays out of base64, numbers as text, places on the scale ----

const floats = (() => {
  const bytes = Uint8Array.from(atob(data.floats), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
})();

const sizeOf = (line) => line.s.reduce((product, n) => product * n, 1);
const arrayAt = (offset, size) => (offset < 0 ? null : floats.subarray(offset, offset + size));
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const superscript = (n) => String(n).replace("-", "⁻").replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);

// A number as people write it: −0.0312, 4.1·10⁻⁵; words ("nan", "inf") as they are.
function written(x, digits = 4) {
  if (typeof x === "string") return x.replace("-", "−").replace("inf", "∞");
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size < 1e-3 || size >= 1e5) {
    const [digitsOf, power] = x.toExponential(digits - 1).split("e");
    const short = digitsOf.includes(".") ? digitsOf.replace(/\.?0+$/, "") : digitsOf;
    return `${short}·10${superscript(Number(power))}`.replace("-", "−");
  }
  return String(Number(x.toPrecision(digits))).replace("-", "−");
}

let scale = data.scale; // of the loss that is chosen

// Where a norm stands on the logarithmic scale, between 0 and 1.
function position(norm) {
  if (typeof norm === "string" || !Number.isFinite(norm)) return 1;
  if (norm <= 0) return 0;
  const [low, high] = [Math.log10(scale.low), Math.log10(scale.high)];
  return Math.min(1, Math.max(0, (Math.log10(norm) - low) / (high - low)));
}

const STEPS = data.palette.lines.length - 1;
const lineColour = (u) => data.palette.lines[Math.round(u * STEPS)];
const cellColour = (u) => data.palette.cells[Math.round(u * STEPS)];
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmopqrs";

// Signed values: blue below zero, white at zero, orange above; the same lightness on both sides.
function signedColour(x, most) {
  if (!(most > 0) || !Number.isFinite(x)) return x ? "#777777" : "#ffffff";
  const share = Math.sqrt(Math.min(1, Math.abs(x) / most));
  const end = x > 0 ? [179, 88, 6] : [33, 102, 172];
  return `rgb(${end.map((channel) => Math.round(255 + (channel - 255) * share)).join(" ")})`;
}
