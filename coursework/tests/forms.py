"""Honest ways to write an answer: notebooks, cell by cell, each of which answers ``entropy`` of the assignment TINY."""

# ruff: noqa: E501 -- a cell to a line

import json

NUMPY = "import numpy as np"
BODY = "return -float(np.sum(p * np.log(p)))"
PLAIN = f"def entropy(p):\n    {BODY}"
SUM = "-sum(x * np.log(x) for x in p)"


def typed(*lines: str) -> list[str]:
    """The answer after ``lines`` in a cell of their own, with NumPy."""
    return [NUMPY, "\n".join(lines), PLAIN]


#: Each of these cells stands beside a right answer, and is no reason to lose a point.
BESIDE = {
    "magics": "%matplotlib inline\n%timeit -n1 -r1 sum([1])\nx = !echo a\n!echo pip install \\\n  seaborn\nlen?\n%time y = 3",
    "magic with a remainder": "%matplotlib inline\nz = (7\n     % 4)\ntext = '''\n% of all\n! or not\n'''\nassert z == 3",
    "cell magic": "%%time\nz = 1",
    "another language": "%%bash\nfor i in 1; do echo $i; done",
    "html": "%%html\n<b>entropy</b>",
    "syntax error": "def wrong(:\n    pass",
    "duplicate argument": "def twice(a, a):\n    return a",
    "break outside of a loop": "break",
    "return outside of a function": "return 3",
    "unfinished string": "text = 'no end",
    "bad indentation": "  x = 1\n y = 2",
    "main block": "if __name__ == '__main__':\n    print(entropy(np.ones(4) / 4))",
    "asserts and prints": "print('so far')\nassert abs(1.0 - 1) < 1e-9\n1 + 1",
    "an error": "raise RuntimeError('to be looked into')",
    "a failing assert": "assert 1 == 2, 'why?'",
    "a library that is missing": "import seaborn_of_mine as sns\nsns.set_theme()",
    "from Colab": "from google.colab import drive\ndrive.mount('/content/drive')",
    "training that must not run": (
        "import time\nimport torch\nmodel = torch.nn.Linear(2, 1)\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        "def train(steps):\n    for _ in range(steps):\n        time.sleep(RESTS)\n        loss = model(torch.ones(2)).sum()\n"
        "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n    return loss.item()\n"
        "losses = [train(2) for epoch in range(2)]"
    ),
    "a plot of the graded function": (
        "import matplotlib.pyplot as plt\nimport time\nplt.figure()\ngrid = np.linspace(0.01, 0.99, 20)\n"
        "def show(function):\n    time.sleep(RESTS)\n    plt.plot(grid, [function(np.array([x, 1 - x])) for x in grid])\n"
        "show(entropy)\nfor x in grid:\n    plt.plot(x, entropy(np.array([x, 1 - x])))\nplt.show()"
    ),
    "a file of one's own": "open('notes.txt', 'w').write('x')\nnotes = open('notes.txt').read()",
    "a question to the reader": "name = 'Ada'  # input('Who are you? ')",
    "await": "import asyncio\nawait asyncio.sleep(0)\nw = await asyncio.sleep(0, 3)\nassert w == 3",
    "deletion": "rubbish = [1]\ndel rubbish",
    "empty": "",
    "a comment alone": "# nothing yet",
    "widgets": "try:\n    import ipywidgets as widgets\nexcept ImportError:\n    widgets = None",
}
FORMS = {name: [NUMPY, PLAIN, cell] for name, cell in BESIDE.items()}
FORMS |= {
    "plain": [NUMPY, PLAIN],
    "in a timed cell": [NUMPY, "%%time\n" + PLAIN],
    "TYPE_CHECKING": typed(
        "from typing import TYPE_CHECKING",
        "if TYPE_CHECKING:",
        "    from collections.abc import Sequence",
        "    import not_there",
    ),
    "TypeVar and NewType": [
        NUMPY,
        "from typing import NewType, TypeVar\nT = TypeVar('T')\nNats = NewType('Nats', float)",
        f"def same(x: T) -> T:\n    return x\n\ndef entropy(p: 'np.ndarray') -> Nats:\n    return same(Nats({SUM}))",
    ],
    "try around an import": [
        "try:\n    import not_there as xp\nexcept ImportError:\n    import numpy as xp",
        "def entropy(p):\n    return -xp.sum(p * xp.log(p))",
    ],
    "a try around an import that is used only elsewhere": [
        "try:\n    import torch\nexcept ImportError:\n    torch = None\n" + NUMPY,
        PLAIN,
    ],
    "star imports": [
        "from numpy import *\nfrom math import *",
        "import numpy\ndef entropy(p):\n    return -numpy.sum(p * numpy.log(p))",
    ],
    "star import that is used": ["from numpy import *", "def entropy(p):\n    return -dot(p, log(p))"],
    "several imports in one line": ["import IPython as ip, numpy as np, os", PLAIN],
    "dict and list calls": [
        NUMPY,
        "signs = dict(entropy=-1, energy=1)\nplaces = list(range(4))\nsizes = dict(zip(places, map(float, places)))",
        "def entropy(p):\n    return signs['entropy'] * sum(p[i] * np.log(p[i]) for i in places if i in sizes)",
    ],
    "namedtuple": [
        "from collections import namedtuple\n" + NUMPY,
        "Pair = namedtuple('Pair', 'p log')",
        "def entropy(p):\n    pair = Pair(p, np.log(p))\n    return -pair.p @ pair.log",
    ],
    "NamedTuple class": [
        "from typing import NamedTuple\n" + NUMPY,
        "class Pair(NamedTuple):\n    p: object\n    log: object = None",
        "def entropy(p):\n    pair = Pair(p, np.log(p))\n    return -pair.p @ pair.log",
    ],
    "dataclass": [
        "from dataclasses import dataclass, field\n" + NUMPY,
        "@dataclass(frozen=True, slots=True)\nclass Code:\n    p: np.ndarray\n    names: list = field(default_factory=list)\n"
        "    @property\n    def entropy(self):\n        return -(self.p * np.log(self.p)).sum()",
        "def entropy(p):\n    return Code(p).entropy",
    ],
    "Enum": [
        "from enum import Enum, auto\n" + NUMPY,
        "class Unit(Enum):\n    NATS = auto()\n    BITS = auto()",
        "def entropy(p, unit=Unit.NATS):\n    assert unit is Unit.NATS\n    return -(p * np.log(p)).sum()",
    ],
    "abstract base class": [
        "from abc import ABC, abstractmethod\n" + NUMPY,
        "class Measure(ABC):\n    @abstractmethod\n    def of(self, p): ...",
        "class Entropy(Measure):\n    def of(self, p):\n        return super().of(p) or -(p * np.log(p)).sum()",
        "def entropy(p):\n    return Entropy().of(p)",
    ],
    "Protocol and generic class": [
        "from typing import Generic, Protocol, TypeVar\n" + NUMPY + "\nT = TypeVar('T')",
        "class Box(Generic[T]):\n    def __init__(self, held: T) -> None:\n        self.held = held",
        "class Has(Protocol):\n    held: object",
        "def entropy(p):\n    box: Has = Box[object](p)\n    return -(box.held * np.log(box.held)).sum()",
    ],
    "torch constants": [
        "import torch\nSIGN = torch.tensor(-1.0, dtype=torch.float64)",
        "def entropy(p):\n    p = torch.as_tensor(p)\n    return SIGN * (p * p.log()).sum()",
    ],
    "torch default": [
        "import torch\ntorch.manual_seed(0)\ntorch.set_default_dtype(torch.float64)\nweights = torch.ones(4)",
        "def entropy(p):\n    return -(weights @ (torch.tensor(list(p)) * torch.tensor(list(p)).log()))",
    ],
    "torch with gradients": [
        "import torch",
        "def entropy(p):\n    q = torch.tensor(p, requires_grad=True)\n    loss = (q * q.log()).sum()\n    loss.backward()\n"
        "    return -(q * (q.grad - 1)).sum()",
    ],
    "torch module": [
        "import torch\nfrom torch import nn",
        "class Entropy(nn.Module):\n    def forward(self, p):\n        return -torch.xlogy(p, p).sum()",
        "measure = Entropy()",
        "def entropy(p):\n    with torch.no_grad():\n        return measure(torch.from_numpy(p)).item()",
    ],
    "stray plot": [
        "import matplotlib.pyplot as plt\nimport numpy as np",
        f"def entropy(p):\n    plt.plot(p)\n    plt.title('p')\n    plt.show()\n    {BODY}",
    ],
    "pandas": [
        "import numpy as np\nimport pandas as pd",
        "def entropy(p):\n    table = pd.DataFrame({'p': p})\n    table['h'] = -table.p * np.log(table.p)\n    return table.h.sum()",
    ],
    "scipy": ["from scipy.special import entr", "def entropy(p):\n    return entr(p).sum()"],
    "timing decorator": [
        "import time\nimport numpy as np",
        "def timed(f):\n    def wrapper(*args, **kwargs):\n        start = time.perf_counter()\n        found = f(*args, **kwargs)\n"
        "        print(f'{f.__name__} took {time.perf_counter() - start:.3f} s')\n        return found\n    return wrapper",
        f"@timed\n{PLAIN}",
    ],
    "decorator by position alone": [
        NUMPY,
        "def logged(f):\n    def wrapper(*args):\n        return f(*args)\n    return wrapper",
        f"@logged\n{PLAIN}",
    ],
    "lru_cache": [
        "from functools import cache, lru_cache\nfrom math import log",
        "@lru_cache(maxsize=None)\ndef term(x):\n    return -x * log(x)\n\n@cache\ndef one():\n    return 1",
        "def entropy(p):\n    return one() * sum(map(term, map(float, p)))",
    ],
    "partial": [
        "from functools import partial, reduce\n" + NUMPY,
        "def general(p, base):\n    return -(p * np.log(p)).sum() / np.log(base)",
        "entropy = partial(general, base=np.e)",
    ],
    "input and other built-in names": [
        NUMPY,
        "input = np.ones(4)\nsum = np.sum\nlist = 3\nopen = 'x'\nid = 1\nfile = 'name'",
        "def entropy(p):\n    input = p * np.log(p)\n    return -sum(input) * id",
    ],
    "getattr": [NUMPY, "def entropy(p):\n    log = getattr(np, 'log')\n    return -getattr(p * log(p), 'sum')()"],
    "eval of a literal": [
        NUMPY,
        "SIGN = eval('-1.0')",
        "def entropy(p):\n    return SIGN * np.sum(p * np.log(p)) * eval('2/2')",
    ],
    "eval of names": [NUMPY, "factor = -1", "def entropy(p):\n    return eval('factor * np.sum(p * np.log(p))')"],
    "exec of a definition": [NUMPY, "exec('sign = -1')", "def entropy(p):\n    return sign * np.sum(p * np.log(p))"],
    "globals": [
        NUMPY,
        "tables = {'sign': -1}",
        "def entropy(p):\n    return globals()['tables']['sign'] * (p * np.log(p)).sum()",
    ],
    "global counter": [
        NUMPY,
        "calls = 0",
        f"def entropy(p):\n    global calls\n    calls += 1\n    {BODY}",
        "print(calls)",
    ],
    "a global that a function sets": [
        NUMPY,
        "sign = None\ndef prepare():\n    global sign\n    sign = -1",
        "def start():\n    prepare()",
        "start()",
        "def entropy(p):\n    return sign * np.sum(p * np.log(p))",
    ],
    "table filled by a loop": [
        NUMPY,
        "signs = {}\nfor i in range(4):\n    signs[i] = -1",
        "def entropy(p):\n    return sum(signs[i] * x * np.log(x) for i, x in enumerate(p))",
    ],
    "table filled by a comprehension": [
        NUMPY,
        "signs = []\n[signs.append(-1) for _ in range(4)];",
        "def entropy(p):\n    return sum(s * x * np.log(x) for s, x in zip(signs, p))",
    ],
    "table filled while another is emptied": [
        NUMPY,
        "waiting, signs = [-1, -1, -1, -1, 5], []\nlast = waiting.pop()",
        "while waiting:\n    signs += [waiting.pop()]",
        "def entropy(p):\n    assert not waiting\n    return sum(s * x * np.log(x) for s, x in zip(signs, p))",
    ],
    "registry by decorator": [
        NUMPY,
        "registry = {}\ndef register(name):\n    def keep(f):\n        registry[name] = f\n        return f\n    return keep",
        "@register('entropy')\ndef shannon(p):\n    return -np.sum(p * np.log(p))",
        "def entropy(p):\n    return registry['entropy'](p)",
    ],
    "helper that fills a list": [
        NUMPY,
        "def fill(target, n):\n    for _ in range(n):\n        target.append(-1)",
        "signs, more = [], []\nfill(signs, 4)\nfill(target=more, n=2)",
        "def entropy(p):\n    assert len(more) == 2\n    return sum(s * x * np.log(x) for s, x in zip(signs, p))",
    ],
    "helper that fills and returns": [
        NUMPY,
        "def fill(target):\n    target.extend([-1] * 4)\n    return len(target)",
        "signs = []\nn = fill(signs)",
        "def entropy(p):\n    return sum(s * x * np.log(x) for s, x in zip(signs, p))",
    ],
    "array filled by NumPy": [
        NUMPY,
        "signs, counts = np.ones((4, 4)), np.zeros(4)\nnp.fill_diagonal(signs, -1)\nnp.add.at(counts, [0, 1, 2, 3], 1)",
        "def entropy(p):\n    return (np.diag(signs) * counts * p * np.log(p)).sum()",
    ],
    "iterator that is moved on": [
        NUMPY,
        "from itertools import count\nnumbers = count(-2)\nnext(numbers)",
        "SIGN = next(numbers)\ndef entropy(p):\n    return SIGN * np.sum(p * np.log(p))",
    ],
    "module with a setting": [
        "import math\nimport numpy as np\nmath.mine = -1",
        "def entropy(p):\n    return math.mine * (p * np.log(p)).sum()",
    ],
    "attribute of a function": [NUMPY, PLAIN, "entropy.unit = 'nats'\nentropy.__doc__ = 'In nats.'"],
    "lambda": [NUMPY, f"entropy = lambda p: {SUM}"],
    "another name": [NUMPY, PLAIN.replace("entropy", "my_entropy"), "entropy = my_entropy"],
    "two names at once": [NUMPY, PLAIN.replace("entropy", "mine"), "first, entropy = 1, mine"],
    "class with __call__": [
        NUMPY,
        f"class Entropy:\n    def __init__(self, sign):\n        self.sign = sign\n    def __call__(self, p):\n        return self.sign * {SUM[1:]}",
        "entropy = Entropy(-1)",
    ],
    "method": [
        NUMPY,
        f"class Tools:\n    @staticmethod\n    def entropy(p):\n        {BODY}",
        "entropy = Tools.entropy",
    ],
    "closure": [
        NUMPY,
        "def make(sign):\n    def inner(p):\n        return sign * (p * np.log(p)).sum()\n    return inner",
        "entropy = make(-1)",
    ],
    "nonlocal": [
        NUMPY,
        "def entropy(p):\n    total = 0\n    def add(x):\n        nonlocal total\n        total -= x * np.log(x)\n"
        "    for x in p:\n        add(x)\n    return total",
    ],
    "generator": [
        NUMPY,
        "def terms(p):\n    for x in p:\n        yield -x * np.log(x)",
        "def entropy(p):\n    return sum(terms(p))",
    ],
    "walrus": [
        NUMPY,
        "if (sign := -1) < 0:\n    pass\nlast = [top := k for k in range(3)]",
        "def entropy(p):\n    assert top == 2\n    return sign * sum((y := float(x)) * np.log(y) for x in p)",
    ],
    "match": [
        NUMPY,
        "match 'nats':\n    case 'bits':\n        base = 2\n    case other:\n        base = np.e",
        "def entropy(p):\n    match p.tolist():\n        case []:\n            return 0.0\n        case [first, *rest]:\n            return sum(-x * np.log(x) for x in [first, *rest]) / np.log(base)",
    ],
    "positional-only": [NUMPY, f"def entropy(p, /):\n    {BODY}"],
    "keyword-only": [NUMPY, f"def entropy(*, p):\n    {BODY}"],
    "other arguments' names": [
        NUMPY,
        "def entropy(probabilities):\n    return -(probabilities * np.log(probabilities)).sum()",
    ],
    "args and kwargs": [NUMPY, "def entropy(*args, **kwargs):\n    p = args[0] if args else kwargs['p']\n    " + BODY],
    "default from a constant": [
        NUMPY,
        "EPS = 1e-300\nSIGNS = (-1,)",
        "def entropy(p, eps=EPS, signs=SIGNS):\n    return signs[0] * (p * np.log(p + eps)).sum()",
    ],
    "annotations from the future": [
        "from __future__ import annotations",
        NUMPY,
        "def entropy(p: Later, q: Never | None = None) -> Later:\n    return -(p * np.log(p)).sum()\n\nclass Later:\n    me: Later",
    ],
    "type alias": [
        NUMPY,
        "Vector = np.ndarray | list[float]\nTable = dict[str, Vector]",
        f"def entropy(p: Vector) -> float:\n    kept: Table = {{'p': p}}\n    {BODY}",
    ],
    "annotation without a value": [
        NUMPY,
        "total: float\nsize: int = 4",
        "def entropy(p):\n    x: float\n    return sum(-x * np.log(x) for x in p[:size])",
    ],
    "f-strings": [
        NUMPY,
        "unit = 'nats'",
        "def entropy(p):\n    h = -(p * np.log(p)).sum()\n    text = f\"{unit!r:>8} {h:{'.3f'}} {'a' if h else 'b'}\" f'{{}}\\n'\n    assert 'nats' in text\n    return h",
    ],
    "docstrings": [
        NUMPY,
        "def entropy(p):\n    r'''The \"entropy\" of p: \\sum '' \\alpha, 100 %.\n% of it\n    '''\n    " + BODY,
    ],
    "NumPy's errors": [NUMPY, "np.seterr(all='ignore')\nnp.set_printoptions(precision=3)", PLAIN],
    "NumPy's errors raised": [
        NUMPY,
        "np.seterr(divide='raise')",
        "def entropy(p):\n    try:\n        np.log(0 * p)\n    except FloatingPointError:\n        return -(p * np.log(p)).sum()",
    ],
    "random seed": [
        NUMPY,
        "np.random.seed(0)\nrng = np.random.default_rng(1)\nnoise = rng.normal(size=3)",
        "def entropy(p):\n    assert np.random.rand() < 1 and abs(noise).max() < 9\n    " + BODY,
    ],
    "filterwarnings": ["import warnings\nwarnings.filterwarnings('ignore')\nimport numpy as np", PLAIN],
    "recursion limit": [
        "import sys\nsys.setrecursionlimit(20000)\nimport numpy as np",
        "def down(n):\n    return 0 if n == 0 else down(n - 1)\n\ndef entropy(p):\n    return -(p * np.log(p)).sum() + down(3000)",
    ],
    "context manager": [
        "from contextlib import contextmanager\nimport numpy as np",
        "@contextmanager\ndef quiet():\n    with np.errstate(all='ignore'):\n        yield",
        "def entropy(p):\n    with quiet(), np.printoptions(precision=2):\n        return -(p * np.log(p)).sum()",
    ],
    "comprehension scope": [
        NUMPY,
        "p = 'mine'\nx = [p for p in range(3)]\nsquares = {k: k**2 for k in x}",
        "def entropy(p):\n    return -sum([x * np.log(x) for x in p if len(squares) == 3])",
    ],
    "recursion": [NUMPY, "def entropy(p):\n    return -p[0] * np.log(p[0]) + (entropy(p[1:]) if len(p) > 1 else 0.0)"],
    "mutual recursion": [
        NUMPY,
        "def even(p):\n    return 0.0 if len(p) == 0 else -p[0] * np.log(p[0]) + odd(p[1:])",
        "def odd(p):\n    return 0.0 if len(p) == 0 else -p[0] * np.log(p[0]) + even(p[1:])",
        "def entropy(p):\n    return even(p)",
    ],
    "redefinition": [NUMPY, "def entropy(p):\n    return 0.0", PLAIN],
    "a constant that changes": [
        NUMPY,
        "sign = 1",
        "def entropy(p):\n    return sign * (p * np.log(p)).sum()",
        "sign = -sign",
    ],
    "a broken draft": [NUMPY, "def entropy(p:\n    return", PLAIN],
    "a draft whose decorator fails": [NUMPY, "@not_yet\ndef entropy(p):\n    return 1.0", PLAIN],
    "a helper defined later": [NUMPY, "def entropy(p):\n    return helper(p)", f"def helper(p):\n    return {SUM}"],
    "async helper": [
        "import asyncio\nimport numpy as np",
        "async def term(x):\n    await asyncio.sleep(0)\n    return -x * np.log(x)",
        "sign = await asyncio.sleep(0, 1)",
        "def entropy(p):\n    loop = asyncio.new_event_loop()\n    try:\n        return sign * sum(loop.run_until_complete(term(x)) for x in p)\n    finally:\n        loop.close()",
    ],
    "names beyond ASCII": [
        NUMPY,
        "π, größe, 熵 = 3.14, 4, -1\nﬁne = 1",
        "def entropy(p):\n    Σ = 熵 * (p * np.log(p)).sum()  # Σ p log p, in Nats – «ok»\n    return Σ * fine",
    ],
    "form feeds and odd breaks": [
        NUMPY + "\n\f\nx = 1",
        "def entropy(p):\n\t'''One\u2028two\u2029three\x85four'''\n\ttext = 'a\u2028b'\n\t# \u2028 \x0b\n\n\f\n\treturn -(p * np.log(p)).sum()",
    ],
    "semicolons and continuations": [
        NUMPY + "; x = 1; \\\ny = 2",
        "def entropy(p): h = -(p * np.log(p)); return \\\n    h.sum()",
    ],
    "decimal": [
        "from decimal import Decimal, getcontext\ngetcontext().prec = 30",
        "def entropy(p):\n    return sum(-Decimal(float(x)) * Decimal(float(x)).ln() for x in p)",
    ],
    "operator and itertools": [
        "import operator\nfrom itertools import starmap\nimport numpy as np",
        "def entropy(p):\n    return -sum(starmap(operator.mul, zip(p, np.log(p))))",
    ],
    "string of code for a helper": [NUMPY, "from string import Template\ntext = Template('$x').substitute(x=1)", PLAIN],
    "metaclass and slots": [
        NUMPY,
        "class Meta(type):\n    def __call__(cls, p):\n        return super().__call__(p).h",
        "class H(metaclass=Meta):\n    __slots__ = ('h',)\n    def __init__(self, p):\n        self.h = -(p * np.log(p)).sum()",
        "entropy = lambda p: H(p)",
    ],
    "conditional definition": [
        NUMPY,
        f"if hasattr(np, 'log'):\n    def entropy(p):\n        {BODY}\nelse:\n    def entropy(p):\n        return None",
    ],
    "definition in try": [
        NUMPY,
        f"try:\n    def entropy(p):\n        {BODY}\nexcept Exception as error:\n    print(error)",
    ],
    "vectorize": [
        NUMPY,
        "@np.vectorize\ndef term(x):\n    return -x * np.log(x)",
        "def entropy(p):\n    return term(p).sum()",
    ],
    "singledispatch": [
        "from functools import singledispatch\n" + NUMPY,
        "@singledispatch\ndef of(p):\n    raise TypeError(type(p))",
        f"@of.register\ndef _(p: np.ndarray):\n    {BODY}",
        "def entropy(p):\n    return of(p)",
    ],
    "display and progress": [
        NUMPY + "\nfrom IPython.display import clear_output, display",
        "from tqdm.auto import tqdm, trange",
        "def entropy(p):\n    display(p)\n    clear_output()\n    total = 0.0\n    for x in tqdm(p, desc='terms'):\n        total -= x * np.log(x)\n    return total",
    ],
    "logging": [
        "import logging\nimport numpy as np\nlogging.basicConfig(level=logging.ERROR)\nlog = logging.getLogger(__name__)",
        f"def entropy(p):\n    log.info('p is %s', p)\n    {BODY}",
    ],
    "assert with a doctest": [
        NUMPY,
        f"def entropy(p):\n    '''\n    >>> entropy(np.ones(2) / 2) > 0\n    True\n    '''\n    {BODY}",
        "import doctest\ndoctest.testmod()",
    ],
    "the check itself in a function": [
        NUMPY,
        PLAIN,
        "def test_entropy(entropy):\n    check(entropy, TINY)\n\ntest_entropy(entropy)",
    ],
    "a script run by a magic": [
        "%%writefile written.py\nimport numpy as np\nsign = -1",
        "%run written.py",
        "def entropy(p):\n    return sign * (p * np.log(p)).sum()",
    ],
    "a script written by a cell": [
        "%%writefile tools_of_mine.py\nimport numpy as np\ndef entropy_of(p):\n    return -(p * np.log(p)).sum()",
        "from tools_of_mine import entropy_of",
        "def entropy(p):\n    return entropy_of(p)",
    ],
    "training that is needed and short": [
        "import torch",
        "weight = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))\noptimizer = torch.optim.SGD([weight], lr=0.5)",
        "for step in range(60):\n    loss = (weight + 1) ** 2\n    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()",
        "def entropy(p):\n    return round(weight.item(), 6) * (torch.tensor(p) * torch.tensor(p).log()).sum()",
    ],
}
#: What an answer may be made of: the last line of the function, where ``h`` is the right number.
VALUES = {
    "float": "float(h)",
    "NumPy scalar": "np.float64(h)",
    "0-d array": "np.array(h)",
    "float32": "np.float32(h)",
    "float32 array": "np.asarray(h, np.float32)",
    "long double": "np.longdouble(h)",
    "object array": "np.array(h, dtype=object)",
    "Fraction": "__import__('fractions').Fraction(float(h))",
    "Decimal": "__import__('decimal').Decimal(float(h))",
    "tensor": "__import__('torch').tensor(h)",
    "tensor with a gradient": "__import__('torch').tensor(h, requires_grad=True)",
    "read-only view": "np.broadcast_to(h, (1,))[0]",
}
FORMS |= {
    f"answer as {name}": [NUMPY, f"def entropy(p):\n    h = -np.sum(p * np.log(p))\n    return {value}"]
    for name, value in VALUES.items()
}


def notebook_text(cells: list[str], **more: object) -> str:
    """A notebook with these cells of code."""
    listed = [{"cell_type": "code", "metadata": {}, "source": c.splitlines(True), "outputs": []} for c in cells]
    return json.dumps({"cells": listed, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more)
