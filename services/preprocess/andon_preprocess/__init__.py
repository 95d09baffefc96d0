"""Andon's preprocess service: camera.frames, and every topic like it, become frames.prepared."""
