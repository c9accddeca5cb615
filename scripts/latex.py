"""Before the book is set on paper: what of LaTeX is missing, and how it is installed? Runs on any Python 3."""

import shutil
import subprocess
import sys

PACKAGES = {  # what is looked for, and the Debian package that brings it
    "latexmk": "latexmk",
    "xelatex": "texlive-xetex",
    "tabulary.sty": "texlive-latex-extra",
    "pzdr.tfm": "texlive-fonts-recommended",
    "loadhyph-en-gb.tex": "texlive-lang-english",
    "FreeSerif.otf": "fonts-freefont-otf",
    "DejaVuSansMono.ttf": "fonts-dejavu-core",
}


def found(name: str) -> bool:
    """Whether a program is on the path, or a file where LaTeX looks."""
    if "." not in name:
        return shutil.which(name) is not None
    return bool(shutil.which("kpsewhich")) and subprocess.run(["kpsewhich", name], capture_output=True).returncode == 0


def problem(missing: list) -> str:
    """What to install, in words, or an empty string."""
    if not missing:
        return ""
    packages = " ".join(PACKAGES[name] for name in missing)
    return (
        "the PDF needs {}; on Debian or Ubuntu: sudo apt-get install {}; "
        "on macOS: brew install --cask mactex-no-gui, which brings all of it"
    ).format(", ".join(missing), packages)


if __name__ == "__main__":
    sys.exit(problem([name for name in PACKAGES if not found(name)]) or 0)
