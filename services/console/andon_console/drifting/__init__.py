"""Drift for people: numbers that moved, their histories, how far a station has learned, and learning anew."""
