"""A bundle in fewer bits: int8 for CPUs, float16 for GPUs, where it sees as well. `andon quantise`."""
