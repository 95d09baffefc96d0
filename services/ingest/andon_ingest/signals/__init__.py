"""What sensors beside the cameras read, as records of `signals`: from a table, from lines of JSON, or pushed."""
