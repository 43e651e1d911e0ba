"""The database: SQLite by default, PostgreSQL when there are several processes."""
