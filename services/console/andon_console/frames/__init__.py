"""Frames: fetched wherever they still lie, drawn for pages, found by time, score and part."""
