"""Turn the formulas of a tape into small trees of lists, which the page sets as MathML and reads out in words.

A tree is a list whose first entry says what it is:

    ["v", k]  argument k of a line, or the line itself (k = number of arguments)    ["d", k]  its adjoint
    ["n", "0.25"]  a number    ["i", "tanh"]  a name    ["t", "axis=0"]  plain text
    ["+", a, b]  also − ⊙ · / ** and comparisons; "·" is a matrix product
    ["neg", a]  the negative    ["T", a]  transposed    ["p", a]  in brackets
    ["f", "tanh", a, …]  a call    ["[]", a, "0:3"]  an index

Arguments are open, so that one tree serves every line of the same kind: the page keeps a tree once.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from tinygrad_rnn import Tape
from tinygrad_rnn.printing.notation import ATOM, DISPLAY, Written, expression
from tinygrad_rnn.text import local_rule

Tree = list[Any]

_SIGNS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Add: ("+", 1), ast.Sub: ("−", 1), ast.Mult: ("⊙", 2), ast.MatMult: ("·", 2), ast.Div: ("/", 2),
    ast.Pow: ("**", 4), ast.Eq: ("=", 0), ast.NotEq: ("≠", 0), ast.Lt: ("<", 0), ast.LtE: ("≤", 0), ast.Gt: (">", 0),
    ast.GtE: ("≥", 0),
}  # fmt: skip
_FUNCTIONS = {"sigmoid": "σ", "relu": "ReLU"}
_SLOT = re.compile(r"s(\d+)_")
_MOST_TEXT = 300


def forward_tree(tape: Tape, i: int) -> Tree:
    """The operation of a line: ["f", "tanh", ["v", 0]]."""
    fn, parents, args, kw = tape.lines[i][:4]
    operands = [None if p < 0 else Written(f"s{k}_", ATOM) for k, p in enumerate(parents)]
    text = expression((fn, parents, args, kw), operands, DISPLAY).text
    try:
        return _tree(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        return _as_text(text)


def rule_trees(tape: Tape, i: int, k: int) -> tuple[list[tuple[str, Tree]], str, Tree]:
    """What comes back from line i to its argument k: named parts, the index it is added at, the expression."""
    count = len(tape.lines[i][1])
    text = local_rule(tape, i, k, [f"s{n}_" for n in range(count + 1)])
    if not text:
        return [], "", ["t", "(a rule that cannot be printed)"]
    try:
        *parts, last = ast.parse(text).body
        named = [(_name_of(part), _tree(part.value)) for part in parts if isinstance(part, ast.Assign)]
        if not isinstance(last, ast.Assign | ast.AugAssign):
            raise ValueError(text)
        target = last.targets[0] if isinstance(last, ast.Assign) else last.target
        added_at = isinstance(last, ast.AugAssign) and isinstance(target, ast.Subscript)
        place = ast.unparse(target.slice) if added_at and isinstance(target, ast.Subscript) else ""
        return named, _filled(place), _tree(last.value)
    except (SyntaxError, ValueError, RecursionError):
        return [], "", _as_text(text.partition(" = ")[2] or text)


def _name_of(part: ast.Assign) -> str:
    target = part.targets[0]
    if not isinstance(target, ast.Name):
        raise ValueError("a part without a name")
    return target.id


def _tree(root: ast.expr) -> Tree:
    """A tree from Python's own; without recursion, children first."""
    done: dict[int, Tree] = {}
    waiting: list[tuple[ast.expr, bool]] = [(root, False)]
    while waiting:
        node, ready = waiting.pop()
        if not ready:
            waiting.append((node, True))
            waiting += [(child, False) for child in _operands(node)]
        else:
            done[id(node)] = _one(node, [done[id(child)] for child in _operands(node)])
    return done[id(root)]


def _operands(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression that become trees of their own."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return [node.left, node.comparators[0]]
    if isinstance(node, ast.Call):
        return list(node.args)
    if isinstance(node, ast.Attribute):
        return [node.value]
    if isinstance(node, ast.Subscript):
        return [] if _is_adjoint(node) else [node.value]
    return []


def _is_adjoint(node: ast.Subscript) -> bool:
    slot = isinstance(node.slice, ast.Name) and _SLOT.fullmatch(node.slice.id)
    return isinstance(node.value, ast.Name) and node.value.id == "d" and bool(slot)


def _one(node: ast.expr, parts: list[Tree]) -> Tree:
    """The tree of one expression, its parts given."""
    if isinstance(node, ast.BinOp):
        return _binary(node, parts)
    if isinstance(node, ast.Compare) and len(parts) == 2:
        return ["p", [_SIGNS[type(node.ops[0])][0], *parts]]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ["neg", _inside(node.operand, parts[0], 3)]
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name == "outer" and len(parts) == 2 and not node.keywords:
            left, right = (_inside(child, part, 5) for child, part in zip(node.args, parts, strict=True))
            return ["·", left, ["T", right]]
        keywords = [["t", ast.unparse(keyword)] for keyword in node.keywords if keyword.arg != "keepdims"]
        return ["f", _FUNCTIONS.get(name, name), *parts, *keywords]
    if isinstance(node, ast.Attribute):
        base = _inside(node.value, parts[0], 5)
        return ["T", base] if node.attr in ("T", "mT") else ["t", f"{ast.unparse(node)}"]
    if isinstance(node, ast.Subscript):
        if _is_adjoint(node):
            return ["d", int(_SLOT.fullmatch(ast.unparse(node.slice))[1])]  # type: ignore[index]
        return ["[]", _inside(node.value, parts[0], 5), _filled(ast.unparse(node.slice))]
    if isinstance(node, ast.Name):
        slot = _SLOT.fullmatch(node.id)
        return ["v", int(slot[1])] if slot else ["i", node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and type(node.value) is not bool:
        return ["n", f"{node.value:.6g}".replace("-", "−")]
    return _as_text(ast.unparse(node))


def _binary(node: ast.BinOp, parts: list[Tree]) -> Tree:
    sign, strength = _SIGNS[type(node.op)]
    if sign == "/":
        return ["/", *parts]  # a fraction's line holds both together
    if sign == "⊙" and parts[0] == parts[1] and parts[0][0] == "v":
        return ["**", parts[0], ["n", "2"]]
    left, right = strength + (sign == "**"), strength + (sign in ("−", "**"))
    if "·" in (sign, *(part[0] for part in parts)) and sign != "+" and sign != "−":  # W (a ⊙ b) is not (W a) ⊙ b
        left = right = 3
    return [sign, _inside(node.left, parts[0], left), _inside(node.right, parts[1], right)]


def _inside(child: ast.expr, tree: Tree, least: int) -> Tree:
    """A part in brackets where its neighbour pulls harder than it holds."""
    if isinstance(child, ast.BinOp):
        strength = _SIGNS[type(child.op)][1]
    elif isinstance(child, ast.UnaryOp):
        strength = 3
    else:
        return tree
    return ["p", tree] if strength < least else tree


def _filled(text: str) -> str:
    """An index as text: slices without blanks; an array that is a line of the tape only as "…"."""
    return _SLOT.sub("…", text).strip("()")[:60]


def _as_text(text: str) -> Tree:
    """What is no Python is shown as it was printed, with its slots open."""
    pieces: Tree = ["row"]
    for n, piece in enumerate(re.split(r"(d\[s\d+_\]|s\d+_)", text[:_MOST_TEXT])):
        if not piece:
            continue
        slot = int(re.findall(r"\d+", piece)[0]) if n % 2 else 0
        pieces.append(["t", piece] if n % 2 == 0 else ["d" if piece[0] == "d" else "v", slot])
    return pieces
