"""The database behind a URL, its tables, and what every repository needs of it."""
