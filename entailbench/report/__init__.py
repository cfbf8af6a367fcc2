"""A ``Report`` as text and files."""
