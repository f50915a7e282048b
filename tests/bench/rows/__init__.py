"""One file per command measured. Every module in here is imported before the bench starts."""
