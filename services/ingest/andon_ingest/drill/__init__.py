"""Rehearsals: a drill copy of a station goes wrong on purpose, and it is measured how people would be told."""
