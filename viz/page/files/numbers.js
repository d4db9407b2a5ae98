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
const night = matchMedia("(prefers-color-scheme: dark)");
const cellColour = (u) => data.palette.cells[Math.round((night.matches ? 1 - u : u) * STEPS)]; // the largest stand out

// Whether white is easier to read than black on a colour, "#rrggbb" or "rgb(r g b)".
function isDark(colour) {
  const channels = colour[0] === "#" ? colour.match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16)) : colour.match(/\d+/g).map(Number);
  const linear = channels.map((c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.179;
}
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmopqrs";

// Signed values: blue below zero, orange above, the same lightness on both sides; zero is as the paper.
const SIGNED = {
  day: { zero: [255, 255, 255], above: [179, 88, 6], below: [33, 102, 172] },
  night: { zero: [30, 39, 48], above: [255, 166, 87], below: [104, 178, 255] },
};
function signedColour(x, most) {
  const { zero, above, below } = night.matches ? SIGNED.night : SIGNED.day;
  if (x && (!(most > 0) || !Number.isFinite(x))) return "#777777";
  const share = x ? Math.sqrt(Math.min(1, Math.abs(x) / most)) : 0;
  const end = x > 0 ? above : below;
  return `rgb(${zero.map((channel, n) => Math.round(channel + (end[n] - channel) * share)).join(" ")})`;
}
