"""The test kit: in-memory twins and hostile inputs, for tests of services and for whoever builds on Andon."""
