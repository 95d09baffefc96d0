"""What a bundle is worth on labelled frames: figures, intervals, speed, and a report to look at.

Importing this package imports nothing.
"""
