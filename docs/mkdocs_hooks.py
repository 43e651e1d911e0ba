# ruff: noqa: INP001  # a script of the documentation, not a package
"""What MkDocs calls while it makes the site of these pages: `make docs`.

The pages are written for the code host, where a link may lead to any file. On the site

    a link to                     leads to
    ----------------------------  ----------------------------------------------------------
    a page or a picture of docs/  the same
    README.md                     the first page
    SECURITY.md, CHANGELOG.md     pages that the site has of its own
    gallery.html                  the page itself, with its styles
    any other file                what is in the file, below source/

and what a code host shows otherwise than the site fails a strict build.
"""

import html
import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
CODE = re.compile(r"`[^`\n]+`")
PAGES = {"README.md": "index.md", "SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}
STATIC = "sandbox/playground/static"
STYLES = {
    "playground.css": f"{STATIC}/playground.css",
    "blocks.css": "sandbox/slack/blocks.css",
}
SOURCE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{path}</title>
<h1 style="font:1rem sans-serif">{path}</h1>
<pre style="white-space:pre-wrap">{text}</pre>
</html>
"""
# What Python-Markdown reads otherwise than the code host: each would be seen as it is typed.
MISREAD = re.compile(r"```|\\\||\]\(|(?:<p>|\n)(?:- |\d+\. )")
PICTURE = re.compile(r'(<img [^>]*\bsrc="([^"]+)"[^>]*>)')
FOREIGN = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^>]*>")
log = logging.getLogger("mkdocs.hooks.tipo")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name headings as the code host does, so that one anchor is right on both."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor
    return config


def anchor(head: str, _separator: str) -> str:
    """Return what a heading is called in a link."""
    return re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/: pages of the root, the gallery, files that are linked."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text("utf-8")))
    gallery = (ROOT / STATIC / "gallery.html").read_text("utf-8")
    for name, path in STYLES.items():
        gallery = gallery.replace(f"/static/{name}", name)
        files.append(File.generated(config, f"slack/{name}", abs_src_path=str(ROOT / path)))
    gallery = gallery.replace('<a href="/">Back to the playground', '<a href="../index.html">Tipo')
    files.append(File.generated(config, "slack/gallery.html", content=gallery))
    for path in sorted(_linked_sources(files)):
        text = html.escape((ROOT / path).read_text("utf-8"))
        page = SOURCE.format(path=path, text=text)
        files.append(File.generated(config, _on_site(path), content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead each link to where the site has what it names."""
    del config, files
    folder = posixpath.dirname(page.file.src_uri)

    def lead(found: re.Match[str]) -> str:
        opening, link, heading = found.groups()
        if "://" not in link:
            link = posixpath.relpath(_on_site(_target(page.file, link)), folder or ".")
        return f"{opening}{link}{heading or ''}"

    # In a table the code host wants `a\\|b`, and Python-Markdown shows the backslash.
    plain = CODE.sub(lambda found: found[0].replace("\\|", "|"), markdown)
    return LINK.sub(lead, plain)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Find what would be seen as it is typed; let each picture open in its own size."""
    del config, files
    said = re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL)
    for found in MISREAD.finditer(said):
        log.warning(
            "%s: is not read as Markdown: %s", page.file.src_uri, said[found.start() :][:80]
        )
    return html


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Find what a browser would get from elsewhere."""
    del config
    for found in FOREIGN.findall(output):
        log.warning("%s: is not of this site: %s", page.file.src_uri, found)
    return output


def _linked_sources(files: Files) -> set[str]:
    """Return the files of the repository that pages link, and that have no page here."""
    targets = {
        _target(each, link)
        for each in files.documentation_pages()
        for _, link, _ in LINK.findall(each.content_string)
        if "://" not in link
    }
    return {each for each in targets if _on_site(each).startswith("source/")}


def _target(file: File, link: str) -> str:
    """Return which file of the repository a page's link leads to."""
    home = next((name for name, page in PAGES.items() if page == file.src_uri), None)
    folder = posixpath.dirname(home or f"docs/{file.src_uri}")
    return posixpath.normpath(posixpath.join(folder, link))


def _on_site(path: str) -> str:
    """Return where the site has a file of the repository."""
    if path == f"{STATIC}/gallery.html":
        return "slack/gallery.html"
    if path.startswith("docs/") and not path.endswith((".py", ".toml")):
        return path.removeprefix("docs/")
    return (
        PAGES.get(path) or f"source/{path.lstrip('.')}.html"
    )  # what begins with a dot is left out
