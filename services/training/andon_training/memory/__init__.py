"""False calls are remembered: what people say is good joins the memory of a bundle that compares with one."""
