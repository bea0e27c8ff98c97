"""
Sphinx's configuration. Built with ``sphinx-build -W --keep-going -b html docs docs/_build/html``.
"""

import re
import sys
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from sphinx.pycode import ModuleAnalyzer

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "bankcore"
author = "The bankcore developers"
project_copyright = author
version = release = installed_version("bankcore")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"bankcore {release}"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_show_copyright = False
html_show_sphinx = False

# Docstrings write `Money` for a name of the library.
default_role = "py:obj"
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
# The fields of attrs classes are told in their docstrings; this keeps one entry for each.
napoleon_use_ivar = True

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

# What is copied is what is typed: neither prompts nor output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"


def resolve_by_last_name(
    app: "Sphinx", env: "BuildEnvironment", node: "pending_xref", contnode: "Element"
) -> "Element | None":
    """
    Where a docstring says `Money`, the one entry of that name, in whichever module it is.
    """
    if node.get("refdomain") != "py":
        return None
    domain: Any = env.get_domain("py")
    name = node["reftarget"].rsplit(".", 1)[-1]
    found = [
        (full, entry)
        for full, entry in domain.objects.items()
        if full.rsplit(".", 1)[-1] == name
        and entry.objtype in {"class", "exception", "function"}
    ]
    if len(found) != 1:
        return None
    full, entry = found[0]
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, entry.objtype[:5], full, node, contnode
    )


_properties: dict[str, list[str]] = {}


def before_napoleon(
    _app: "Sphinx",
    what: str,
    name: str,
    _object: object,
    _options: object,
    lines: list[str],
) -> None:
    """
    A property's docstring, kept from napoleon: it takes what is before a colon for a type.
    """
    if what == "property":
        _properties[name] = lines[:]
        lines.clear()


def after_napoleon(
    _app: "Sphinx",
    _what: str,
    name: str,
    _object: object,
    _options: object,
    lines: list[str],
) -> None:
    lines[:] = _properties.pop(name, lines)


def comment_of_constant(
    _app: "Sphinx",
    what: str,
    name: str,
    value: object,
    _options: object,
    lines: list[str],
) -> None:
    """
    The ``#:`` comment of a constant that a room takes from one of its modules, which autodoc
    does not find: it would tell what a dict or an int is.
    """
    if what == "data":
        constant = name.rpartition(".")[2]
        for module in [each for each in sys.modules if each.startswith("bankcore.")]:
            if vars(sys.modules[module]).get(constant) is value:
                comments = ModuleAnalyzer.for_module(module).find_attr_docs()
                lines[:] = comments.get(("", constant), lines)


# What a signature would show, and the name by which a reader knows it.
_SHOWN = {
    "<function <lambda>>": "...",
    "NOTHING": "...",
    "functools.partial(<built-in method now of type object>, datetime.timezone.utc)": "utc_now",
    "<module 'time' (built-in)>": "time",
    "mappingproxy({})": "{}",
    "datetime.timezone.utc": "UTC",
    "datetime.timedelta(": "timedelta(",
    "datetime.datetime(": "datetime(",
    "~datetime.datetime": "datetime",
}


def readable_signature(
    _app: "Sphinx",
    _what: str,
    _name: str,
    _object: object,
    _options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """
    Defaults by their names, and not by the objects that Python has for them.
    """
    if signature is not None:
        for shown, name in _SHOWN.items():
            signature = signature.replace(shown, name)
        signature = re.sub(r"<function (\w+)>", r"\1", signature)
    return signature, returns


def setup(app: "Sphinx") -> None:
    app.connect("missing-reference", resolve_by_last_name)
    app.connect("autodoc-process-signature", readable_signature)
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)
    app.connect("autodoc-process-docstring", comment_of_constant, priority=600)
