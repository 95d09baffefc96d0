"""Who comes in, what they may, and the walls around every answer."""
