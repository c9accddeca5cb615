"""Which words of a page are links to the glossary."""

import re

from sphinx_builds import sphinx
from test_project import ROOT

PAGE = """# Rates

The reader walks. A prior aggregate posterior, an aggregate, *walk*; the priors, $\\text{rate}$ and q(z|x). The walk.
Runs have arrived. A priority.

:::{card} A card
:link: words
:link-type: doc

A code costs a rate.
:::

```{glossary}
aggregate
aggregate posterior
  How codes are spread.

have arrived
not arrived
  At its best.

prior
  What is expected.

q(z|x)
  The encoder.

rate
  What a code costs.

reader
  Who guesses.

walk
  Several trainings.
```
"""
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "site")!r})
extensions = ["myst_parser", "sphinx_design", "terms"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
"""


def test_a_term_is_linked_once_and_an_everyday_word_only_where_it_is_marked(tmp_path):
    text, glossary = PAGE.split("```", 1)
    pages = {
        "conf.py": CONF,
        "index.md": f"{text}\n```{{toctree}}\nwords\n```\n",
        "words.md": f"# Words\n\n```{glossary}",
    }
    for name, content in pages.items():
        (tmp_path / name).write_text(content)
    done = sphinx("-W", "-q", tmp_path, tmp_path / "html")
    assert (done.returncode, done.stderr) == (0, "")
    html = (tmp_path / "html" / "index.html").read_text()
    found = re.findall(r'<a class="term[^"]*" href="words.html#term-[^"]*">([^<]*)</a>', html)
    assert found == ["prior", "aggregate posterior", "aggregate", "walk", "q(z|x)", "have arrived"]
    assert '<em><a class="term' in html
