"""The demo: two stores, one Tipo, and a day in five scenes."""
