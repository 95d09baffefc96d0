"""Sub-commands that every environment has."""
