"""Makes the reference pages from the code they describe. One module a page; `make docs` writes them all."""
