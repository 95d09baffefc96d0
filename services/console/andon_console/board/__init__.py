"""The andon board: what each tile shows, and what changed since somebody looked."""
