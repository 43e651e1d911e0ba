"""Comparing exports with our levels, by DuckDB."""
