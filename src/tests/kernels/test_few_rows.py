"""Products with few rows agree with plain ones, on either side of the number of rows where the way changes."""

import pytest
import torch

from src.kernels import few_rows
from src.kernels.few_rows import linear


@pytest.mark.parametrize("rows", [1, 3, 20, 64, 65])
@pytest.mark.parametrize("biased", [False, True])
def test_linear_is_the_plain_product(rows: int, biased: bool) -> None:
    """Float32 against float64, with and without a bias."""
    torch.manual_seed(0)
    x, weight = torch.randn(rows, 40), torch.randn(56, 40)
    bias = torch.randn(56) if biased else None
    wanted = x.double() @ weight.double().t() + (0 if bias is None else bias.double())
    result = linear(x, weight, bias)
    assert result.shape == (rows, 56)
    assert result.dtype == torch.float32
    assert result.is_contiguous()
    torch.testing.assert_close(result.double(), wanted, rtol=1e-5, atol=1e-5)


def test_a_product_that_onednn_fails_in_is_made_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong shape fails in both; after that oneDNN is not asked again, as its missing operation shows."""
    monkeypatch.setattr(few_rows, "_has_failed", False)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        linear(torch.ones(2, 3), torch.ones(5, 4))
    assert few_rows.leaves_onednn()
    monkeypatch.delattr(torch.ops.mkldnn, "_linear_pointwise")
    assert linear(torch.ones(1, 2), torch.tensor([[3.0, 4.0]])).tolist() == [[7.0]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_are_kept(dtype: torch.dtype) -> None:
    """Float64, which oneDNN lacks, and bfloat16 give the type that they get; literal values."""
    x, weight = torch.tensor([[1.0, 2.0]], dtype=dtype), torch.tensor([[3.0, 4.0], [5.0, -6.0]], dtype=dtype)
    result = linear(x, weight, torch.tensor([0.5, 0.0], dtype=dtype))
    assert result.dtype == dtype
    assert result.tolist() == [[11.5, -7.0]]
