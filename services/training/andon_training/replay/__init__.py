"""Time travel: what was said of frames that Kafka still holds, said again, and what two bundles disagree on.

Reads as a member of no group and commits nothing: no live offset moves. Importing this package imports nothing.
"""
