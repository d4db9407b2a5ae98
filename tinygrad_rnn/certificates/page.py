"""Write certificates as one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from ..check.report import TOLERANCE
from ..derivations import KINDS, SEEDS, SEEING, Measured
from ..writing import write_whole
from .certificate import MISPRINTED, Certificate, Formula, counted, hidden_from, two_digits
from .mathml import mathml

TITLE = "Five published derivations of backpropagation through time"
LABELS = {
    "tape": "tape",
    "transcription": "the source’s δ form, in its letters",
    "closed_form": "closed form D: backward recursion of δ",
    "E": "closed form E: explicit sum of Jacobian products",
    "F": "closed form F: forward recursion, online",
    "Z": "closed form Z: reverse accumulation of the product",
    "P": "closed form P: matrix powers",
    "complex_step": "complex step through a second forward pass",
}
FAMILIES = {
    "D": "backward recursion of δ",
    "E": "explicit sum over k of Jacobian products",
    "F": "forward recursion",
    "Z": "reverse accumulation of the product z",
    "P": "matrix powers, for a linear state",
    "T": "truncation",
    "V": "bound on a vanishing gradient",
    "O": "one step, or the output; no recurrence",
    "M": "model or loss, no gradient",
}


def page(certificates: Sequence[Certificate], seeds: Sequence[int] = SEEDS) -> str:
    """The page: a section for each certificate, and a key of the words that all of them use.

    Args:
        certificates: of one source or of several.
        seeds: that they were measured with.

    Raises:
        MathError: a formula that cannot be set.
    """
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    title = TITLE if len(certificates) > 1 else _opening(f"{certificates[0].title}: every formula checked")
    alone = len(certificates) == 1
    sections = "\n".join(_source(certificate, seeds, alone) for certificate in certificates)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header class="page">
<h1>{escape(title)}</h1>
<p>Every displayed formula is evaluated as it is printed and as it should be, and both are held against a witness that
knows neither: the complex step through the source’s own loss. Every number below was measured when this page was
written.</p>
{_tally([formula for certificate in certificates for formula in certificate.formulas])}
{_contents(certificates)}
</header>
<main>
{sections}
</main>
{_key(seeds)}
</body>
</html>
"""


def save(text: str, path: Path) -> None:
    """Write a page beside its place, then move it there, so that a reader never meets half of one.

    Raises:
        OSError: the folder cannot be written.
    """
    write_whole(path, text.encode("utf-8"))


def _contents(certificates: Sequence[Certificate]) -> str:
    if len(certificates) == 1:
        return ""
    links = "".join(
        f'<li><a href="#{escape(certificate.name)}">{escape(certificate.name)}</a></li>' for certificate in certificates
    )
    return f"<nav><ul>{links}</ul></nav>"


def _tally(formulas: Sequence[Formula]) -> str:
    items = "".join(
        f'<li class="verdict {"wrong" if kind == MISPRINTED else kind}">{escape(words)}</li>'
        for kind, words in counted(formulas).items()
    )
    return f'<ul class="tally">{items}</ul>'


def _source(certificate: Certificate, seeds: Sequence[int], alone: bool) -> str:
    model = certificate.model
    heading = "" if alone else f"<h2>{escape(_opening(certificate.title))}</h2>\n{_tally(certificate.formulas)}\n"
    shapes = "".join(f"<span>{mathml(shape, False)}</span>" for shape in model.shapes)
    formulas = "\n".join(_formula(formula) for formula in certificate.formulas)
    return f"""<section class="source{' alone' if alone else ''}" id="{escape(certificate.name)}">
{heading}<h3>Model</h3>
<div class="panel"><div class="math">{mathml(model.latex)}</div><div class="shapes-of">{shapes}</div>
<p>{_prose(model.words)}</p></div>
<h3>Tape = closed forms = source = witness</h3>
{_agreement(certificate)}
<h3>Formulas</h3>
<p class="soft"><code>tinygrad-rnn derivations {escape(certificate.name)}</code> prints the same numbers,
{len(seeds)} random networks for each.</p>
{formulas}
</section>"""


def _agreement(certificate: Certificate) -> str:
    """Largest relative error of each witness, per parameter, over all the random networks of the comparison."""
    report = certificate.report
    quantities = [q for q in dict.fromkeys(row.quantity for row in report.rows) if q.startswith("grads.")]
    there = {row.witness for row in report.rows}
    names = [quantity.removeprefix("grads.") for quantity in quantities]
    head = "".join(f"<th>dL/d{_prose(name)}</th>" for name in names)
    body = ""
    for witness, label in LABELS.items():
        if witness not in there:
            continue
        cells = ""
        for quantity, name in zip(quantities, names, strict=True):
            narrow = f'<span class="narrow">dL/d{_prose(name)}</span> '
            errors = [row.relative for row in report.rows if (row.witness, row.quantity) == (witness, quantity)]
            cells += f'<td class="number">{narrow + _number(max(errors)) if errors else ""}</td>'
        body += f"<tr><td>{escape(label)}</td>{cells}</tr>"
    absent = "".join(f"<p>{_prose(line)}</p>" for line in _absent(certificate))
    verdict = "All agree" if report.ok else "NOT all agree"
    return (
        f'<div class="panel"><div class="scroll"><table class="stack agreement"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f"<p>{verdict} to {_power(TOLERANCE)} in {len(report.cases)} random networks. "
        '<span class="soft">Each number is the largest ‖a − b‖ / ‖b‖, b being the complex step through the closed '
        f"forms’ forward pass.</span></p>{absent}</div>"
    )


def _absent(certificate: Certificate) -> list[str]:
    """Why a family has no numbers, or has them for some of the networks only; one reason for each."""
    report = certificate.report
    reasons = {letter: reason for case in reversed(report.cases) for letter, reason in case.absent}
    there = {row.witness for row in report.rows}
    return [
        f"{'For some networks there' if letter in there else 'There'} is no closed form {letter}: {reason}."
        for letter, reason in reasons.items()
    ]


def _formula(formula: Formula) -> str:
    entry, verdict = formula.entry, formula.verdict
    anchor = escape(entry.id)
    families = ", ".join(FAMILIES.get(letter, letter) for letter in entry.family.split("/")) if entry.family else ""
    failed = "" if verdict.holds else ' <strong class="wrong">not borne out by these numbers</strong>'
    return f"""<article id="{anchor}">
<header><h4><a href="#{anchor}">{escape(entry.id)}</a></h4>
<span class="verdict {formula.colour}">{escape(formula.says)}</span>{failed}
<span class="soft">{escape(families)}</span>
<span class="measure">{_measure(formula)}</span></header>
<div class="forms">{_forms(formula)}</div>
{_notes(formula)}
</article>"""


def _measure(formula: Formula) -> str:
    """The printed formula's disagreement in a few words."""
    printed = formula.printed
    if not printed.composes:
        return "shapes do not compose"
    if printed.median is None:
        return '<span class="soft">nothing to evaluate</span>'
    if printed.agrees:
        return f'<span class="soft">agrees{_at_most(printed.max)}</span>'
    return f"disagrees: median {_number(printed.median)}, largest {_number(printed.max)}"


def _forms(formula: Formula) -> str:
    entry = formula.entry
    printed = f'<div class="label">as printed</div><div class="math">{_math(entry.latex_printed)}</div>'
    label = "supplied" if entry.supplied else "completed" if _nothing_wrong(formula) else "corrected"
    corrected = f'<div class="label">{label}</div><div class="math">{_math(entry.corrected_latex)}</div>'
    if entry.supplied:
        return f'<div class="whole">{corrected}</div>'
    if not entry.corrected_latex:
        return f'<div class="whole">{printed}</div>'
    return f"<div>{printed}</div><div>{corrected}</div>"


def _nothing_wrong(formula: Formula) -> bool:
    return formula.entry.kind == "right" or formula.says == KINDS["model"]


def _math(latex: str) -> str:
    return mathml(latex) if latex else ""


def _notes(formula: Formula) -> str:
    entry, verdict = formula.entry, formula.verdict
    parts = []
    if entry.meaning:
        parts.append(f'<p><span class="label">means</span> {_prose(_sentence(entry.meaning))}</p>')
    if entry.remark:
        parts.append(f"<p>{_prose(entry.remark)}</p>")
    if verdict.residual is not None and not entry.supplied and entry.corrected_latex:
        parts.append(f'<p class="soft">So written it agrees with the witness{_at_most(verdict.residual)}.</p>')
    if entry.blind:
        parts.append(_cannot_see("A test cannot see this misprint if it only has", entry.blind))
    if verdict.undefined:
        parts.append(f'<p class="soft">The printed formula is {escape(verdict.undefined)}.</p>')
    if entry.readings:
        parts.append(_readings(formula))
    return f'<div class="notes">{"".join(parts)}</div>' if parts else ""


def _readings(formula: Formula) -> str:
    rows = ""
    for reading, measured in formula.readings:
        verdict = "right" if measured.agrees else "wrong"
        where = "" if reading.setting == SEEING else f" ({escape(_setting(reading.setting))})"
        blind = _blind_list(reading.blind)
        rows += (
            f'<tr><td data-label="read as">{_prose(reading.words)}{where}</td>'
            f'<td><span class="verdict {verdict}">{verdict}</span></td>'
            f'<td class="number">{_reading_number(measured)}</td>'
            f'<td class="blind" data-label="hidden from">{blind}</td></tr>'.replace(
                '<td class="blind" data-label="hidden from"></td>', "<td></td>"
            )
        )
    hidden = "hidden from tests with" if any(reading.blind for reading, _ in formula.readings) else ""
    head = f"<tr><th>read as</th><th></th><th>median, largest</th><th>{hidden}</th></tr>"
    return f'<table class="readings stack"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _reading_number(measured: Measured) -> str:
    if not measured.composes:
        return "shapes do not compose"
    if measured.agrees:
        return f'<span class="soft">agrees{_at_most(measured.max)}</span>'
    if measured.median == measured.max:
        return _number(measured.max)
    return f"{_number(measured.median)}, {_number(measured.max)}"


def _at_most(number: float | None) -> str:
    return f" to {_number(number)}" if number else " exactly"


def _cannot_see(words: str, blind: Iterable[str]) -> str:
    return f'<p class="blind">{words}: {_blind_list(blind)}.</p>'


def _blind_list(blind: Iterable[str]) -> str:
    return escape("; ".join(_setting(name) for name in hidden_from(blind)))


def _setting(name: str) -> str:
    return name.replace(" = ", "=").replace("=", "\u00a0=\u00a0").replace("h0", "h₀")


def _conditions(words: str) -> str:
    """Conditions as people write them: h₀ ≠ 0."""
    return words.replace(">=", "≥").replace("!=", "≠").replace("h0", "h₀")


def _prose(words: str) -> str:
    """Text with its indices set low and its exponents high: x_t, s_(t-1), h^(k-1)."""
    text = re.sub(r"(?<=\w)'(?=\w)|(?<=s)'(?= )", "’", escape(words, quote=False)).replace(" - ", " − ")
    text = re.sub(r"(?<=[\wŷδλ])_(?:[({]([^(){}]*)[)}]|(−?\w+(?:[−-]\d)?))", _lowered, text)
    return re.sub(r"(?<=\w)\^(\([^()]*\)|\d+)", lambda found: f"<sup>{_signs(found[1])}</sup>", text)


def _lowered(found: re.Match[str]) -> str:
    return f"<sub>{_signs(found[1] or found[2])}</sub>"


def _signs(index: str) -> str:
    return index.replace("-", "−").replace(" ", "")


def _opening(words: str) -> str:
    return words[:1].upper() + words[1:]


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def _number(number: float | None) -> str:
    if number is None:
        return "–"
    if not np.isfinite(number):
        return "not finite"
    if number == 0:
        return "0"
    return two_digits(number) if 1e-3 <= number < 1e4 else _power(number)


def _power(number: float) -> str:
    digits, exponent = f"{number:.0e}".split("e")
    return f"{digits}·10<sup>{int(exponent)}</sup>".replace("-", "−")


def _key(seeds: Sequence[int]) -> str:
    families = "".join(f"<dt>{letter}</dt><dd>{escape(words)}</dd>" for letter, words in FAMILIES.items())
    return f"""<footer>
<h3>Words</h3>
<dl class="words">
<dt>agrees, disagrees</dt><dd>‖a − b‖ / ‖b‖ (Frobenius) between formula and witness, over {len(seeds)} random networks
with {escape(_conditions(SEEING))}. Right means at most {_power(TOLERANCE)} in every one of them.</dd>
<dt>median, largest</dt><dd>of these networks; a formula that gives no number, or another shape, is not finite.</dd>
<dt>total, immediate</dt><dd>d is the derivative through all earlier steps; ∂⁺ holds the state before fixed.</dd>
<dt>hidden</dt><dd>networks in which the misprint passes all the same: measured, like everything else.</dd>
</dl>
<dl class="words letters">
{families}
</dl>
</footer>"""
