"""Training anomalib's image models. Only what is imported from the modules here needs torch; this package does not."""
