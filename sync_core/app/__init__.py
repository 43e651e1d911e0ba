"""Put the parts together, and serve."""

from sync_core.app.engine_setup import build_context, build_reporter, export_folder
from sync_core.app.frontends import Frontend, open_frontends
from sync_core.app.parts import Parts, assemble, open_store
from sync_core.app.server import App

__all__ = [
    "App",
    "Frontend",
    "Parts",
    "assemble",
    "build_context",
    "build_reporter",
    "export_folder",
    "open_frontends",
    "open_store",
]
