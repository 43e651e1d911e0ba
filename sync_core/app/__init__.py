"""Put the parts together, and serve."""

from sync_core.app.faces import Face, open_faces
from sync_core.app.parts import Parts, assemble, open_store
from sync_core.app.serving import App

__all__ = ["App", "Face", "Parts", "assemble", "open_faces", "open_store"]
