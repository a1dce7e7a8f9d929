"""The matrices of a layer of transformers' models, by name and by the products that they are part of."""

from typing import Any

from ..architectures import DELTA_PRODUCTS, PRODUCTS


def product_names(layer: Any) -> list[tuple[str, ...]]:
    """Return the names of the matrices of transformers' layer, those of one product together, in their order."""
    products = DELTA_PRODUCTS if hasattr(layer, "linear_attn") else PRODUCTS
    there = _matrices(layer)
    return [tuple(name for name in names if name in there) for names in products.values()]


def projections(layer: Any) -> list[tuple[Any, ...]]:
    """Return the matrices of transformers' layer as `product_names` names them."""
    found = _matrices(layer)
    return [tuple(found[name] for name in names) for names in product_names(layer)]


def _matrices(layer: Any) -> dict[str, Any]:
    """Return modules of transformers' layer by name; values that are made of keys have no matrix."""
    return dict([*attention_module(layer).named_children(), *layer.mlp.named_children()])


def attention_module(layer: Any) -> Any:
    """Return the attention of transformers' layer, or what it has in its place."""
    return layer.linear_attn if hasattr(layer, "linear_attn") else layer.self_attn
