"""Distillation of Andon's own backbone: not part of the installed package. README.md says how to run it."""
