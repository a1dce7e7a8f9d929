"""`python -m yoyak`: the command line."""

from .cli import main

main()
