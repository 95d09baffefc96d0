"""`python -m andon`: the andon command."""

from andon.cli import main

main()
