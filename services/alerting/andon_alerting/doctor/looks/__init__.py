"""The looks: adapters that ask the world once, within a few seconds, and give facts. They change nothing."""
