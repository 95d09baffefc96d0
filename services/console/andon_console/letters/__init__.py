"""Dead letters as the console shows them: which wait, their pictures, and sending them again."""
