"""What looks give and checks judge: plain data, one class a kind."""
