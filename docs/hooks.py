"""The site's pages that lie elsewhere in the repository, or are made: called by mkdocs (mkdocs.yml)."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Files of the repository, by their page.
PAGES = {"index.md": "README.md", "changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
NOTEBOOK = "quickstart.ipynb"
# Packages that have a page of reference, and what it says at its top.
PACKAGES = {
    "model": "The denoiser, its training and its files. `model` knows no files but its checkpoints.",
    "sampling": "The walk and the jump, with any score function.",
    "evaluation": "Samples held against MD: every analysis, whoever made the trajectories.",
    "data": "Molecules as the network sees them, and the files of training features.",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/, and those that are made here."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for path in sorted((ROOT / "studies").rglob("*")):
        if path.suffix in (".md", ".png"):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    files.append(File.generated(config, "quickstart.md", content=notebook_page(ROOT / "docs" / NOTEBOOK)))
    files.append(File.generated(config, "api/interface.md", content="# Python interface\n\n::: jamun.api\n"))
    for package, words in PACKAGES.items():
        files.append(File.generated(config, f"api/{package}.md", content=package_page(package, words)))
    return files


def package_page(package: str, words: str) -> str:
    """Every public module of a package, as mkdocstrings reads it."""
    folder = ROOT / "jamun" / package
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if not path.name.startswith("_")
    )
    return f"# {package}\n\n{words}\n\n" + "\n\n".join(f"::: {module}" for module in modules) + "\n"


def notebook_page(path: Path) -> str:
    """A notebook as Markdown: its text, its code, and what the code showed."""
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        parts += [shown for output in cell.outputs if (shown := _output(output))]
    return "\n\n".join(parts) + "\n"


def _output(output: Any) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        return f"![A figure that the code above made](data:image/png;base64,{''.join(data['image/png'].split())})"
    if "text/html" in data:
        return str(data["text/html"])
    return f"```text\n{data['text/plain']}\n```" if "text/plain" in data else ""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links between files of the repository as links between pages; what has no page keeps its words alone."""
    here = page.file.src_uri
    source = PurePosixPath(PAGES.get(here, here if here.startswith("studies/") else f"docs/{here}"))

    def relinked(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        path, mark, anchor = target.partition("#")
        if not path or "://" in target or target.startswith(("data:", "mailto:")):
            return found[0]
        wanted = os.path.normpath(source.parent / path)
        places = {source: page for page, source in PAGES.items()} | {f"docs/{NOTEBOOK}": "quickstart.md"}
        place = places.get(wanted, wanted.removeprefix("docs/"))
        known = wanted in places or wanted.startswith(("docs/", "studies/"))
        if not known or files.get_file_from_path(place) is None:
            return f"*{words}*" if picture else words
        return f"{picture}[{words}]({os.path.relpath(place, os.path.dirname(here) or '.')}{mark}{anchor})"

    return _LINK.sub(relinked, markdown)
