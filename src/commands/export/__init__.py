"""`yoyak export`: which model, which targets, and what becomes of them."""
