"""The review queue: which frames people are asked, in which order, and what remembers it."""
