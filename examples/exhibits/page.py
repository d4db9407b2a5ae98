"""One page of all pieces: each with the code that makes it, words for those who cannot see it, and no network."""

import html
import inspect
import textwrap

STYLE = """
:root { color-scheme: light dark; --ink: #24303b; --soft: #5b6772; --page: #f6f8fa; --card: #fff; --line: #dfe5ea }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eef2f5; --soft: #aab5bf; --page: #12171d; --card: #1a2129; --line: #2b3641 }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem; max-width: 80rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 Helvetica, Arial, sans-serif }
h1 { margin: 0 0 .25rem; font-size: 1.9rem; line-height: 1.2 }
h2 { margin: 0; font-size: 1.2rem }
p { margin: .25rem 0 .75rem; color: var(--soft) }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: 0 0 1.5rem; list-style: none }
a { color: inherit; text-underline-offset: .15em }
a:focus-visible, pre:focus-visible, summary:focus-visible { outline: 3px solid #2b6ca3; outline-offset: 2px }
article { margin: 0 0 1.5rem; padding: 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem }
article > a { display: block; border-radius: .5rem; overflow: hidden; background: #fff }
img { display: block; width: 100%; height: auto; max-height: 85vh; object-fit: contain }
pre { margin: .75rem 0 0; padding: .75rem 1rem; overflow-x: auto; background: var(--page); border-radius: .5rem;
  font: .875rem/1.45 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
summary { margin-top: .75rem; cursor: pointer; color: var(--soft) }
@media (max-width: 40rem) {
  body { padding: .75rem } article { padding: .75rem } h1 { font-size: 1.5rem }
  article > a { overflow-x: auto } img { width: 44rem; max-width: none; max-height: none }
}
"""


def page(pieces, made):
    """The whole page; `made` has a picture or chart for each piece, by name."""
    links = "".join(f'<li><a href="#{p.name}">{html.escape(p.title)}</a></li>\n' for p in pieces)
    articles = "".join(article(p, made[p.name]) for p in pieces)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'">
<title>tinygrad-rnn: a gallery of gradients through time</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>A gallery of gradients through time</h1>
<p>Every picture is drawn from a recorded tape by the code below it. Thin grey lines carry values forward; wide coloured
ones carry each edge’s own gradient backward. Click a picture for its full size, point at anything in it for its
numbers. <a href="step-through.html">Step through an LSTM</a>, event by event.</p>
</header>
<nav aria-label="Pictures"><ul>
{links}</ul></nav>
<main>
{articles}</main>
</body>
</html>
"""


def article(piece, picture):
    """One piece: its title, what to look for, the picture, the code."""
    file, alt = f"{piece.name}.svg", html.escape(picture.description)
    parts = [
        f'<article id="{piece.name}" aria-labelledby="{piece.name}-title">',
        f'<h2 id="{piece.name}-title">{html.escape(piece.title)}</h2>',
        f"<p>{html.escape(piece.look)}</p>",
        f'<a href="{file}"><img src="{file}" alt="{alt}" loading="lazy"></a>',
        f'<pre tabindex="0"><code>{html.escape(code(piece))}</code></pre>',
    ]
    if piece.network is not None:
        network = html.escape(inspect.getsource(piece.network).strip())
        parts.append(f'<details><summary>The network</summary><pre tabindex="0"><code>{network}</code></pre></details>')
    return "\n".join([*parts, "</article>\n"])


def code(piece):
    """The body of the function that makes a piece, as a script would say it."""
    body = inspect.getsource(piece.make).split(":\n", 1)[1]
    return textwrap.dedent(body).replace("return ", "picture = ").strip() + f'\npicture.save("{piece.name}.svg")'
