"""Pure functions, one module per standard, with clause numbers in the docstrings."""
