"""What two bundles said of the same frames: scores in columns, joined by frame."""
