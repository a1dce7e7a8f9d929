"""Pages of a list."""


def page_there(page: int, total: int, size: int) -> int:
    """Return a page, counted from 0, that a list of `total` has at `size` a page: the last one where it is behind."""
    return min(page, max(0, (total - 1) // size))
