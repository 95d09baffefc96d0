"""Golden frames of the bundles that serve travel the live topics: who judges the inspection itself."""
