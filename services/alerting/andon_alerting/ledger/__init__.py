"""The ledger: what was captured, what became of it, and where it vanished."""
