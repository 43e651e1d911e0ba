"""Put the parts together, and serve."""

from sync_core.app.faces import Face, open_faces
from sync_core.app.parts import Parts, assemble, open_store
from sync_core.app.serving import App
from sync_core.app.working import context_of, folder, reporter_of

__all__ = [
    "App",
    "Face",
    "Parts",
    "assemble",
    "context_of",
    "folder",
    "open_faces",
    "open_store",
    "reporter_of",
]
