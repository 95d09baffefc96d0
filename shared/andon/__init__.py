"""The library every Andon service stands on."""
