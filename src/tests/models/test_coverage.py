"""Which share of the layers' weights adapters and 4 bit reach, on models where that is less than all."""

from pathlib import Path

import pytest

from src.models.coverage import Coverage, measure_coverage
from src.tests.tiny_architectures import write_architecture
from src.tests.tiny_models import load_tiny, tiny_config

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def coverage_of(
    folder: Path, name: str, targets: list[str] = ALL, qlora: bool = True, **settings: object
) -> tuple[Coverage, list[str]]:
    """Return the coverage of a tiny model of an architecture, and what is warned of."""
    config = tiny_config(
        write_architecture(folder, name, **settings), lora__use_qlora=qlora, lora__target_modules=targets
    )
    coverage = measure_coverage(load_tiny(config)[0], targets, qlora)
    return coverage, coverage.warnings()


# Width 64, 4 heads and 2 key heads of 16: a layer's attention has 4,096 + 2,048 + 2,048 + 4,096 weights.
ATTENTION = 12_288


def test_all_of_a_llama(tmp_path: Path) -> None:
    coverage, warned = coverage_of(tmp_path, "llama")
    weights = 2 * (ATTENTION + 3 * 64 * 128)
    assert (coverage.weights, coverage.adapted, coverage.quantized, warned) == (weights, weights, weights, [])
    assert coverage.sentence() == "Of the layers' weights 100% have adapters and 100% are in 4 bit"
    assert coverage.as_dict() == {
        "layer_weights": 73_728,
        "adapters": 1.0,
        "4_bit": 1.0,
        "without_adapter": {},
        "in_16_bit": {},
    }


def test_layers_that_nobody_asked_for_are_no_gap(tmp_path: Path) -> None:
    coverage, warned = coverage_of(tmp_path, "llama", ["q_proj", "v_proj"], qlora=False)
    assert (coverage.adapted, coverage.quantized, warned) == (2 * (4_096 + 2_048), 0, [])
    assert coverage.sentence() == "Of the layers' weights 16.7% have adapters and 0% are in 4 bit"


def test_stacked_experts_stay_in_16_bit(tmp_path: Path) -> None:
    # 4 experts of 3 matrices of 64 x 32, and a router of 4 x 64.
    coverage, warned = coverage_of(tmp_path, "qwen3_moe")
    experts, router = 4 * 3 * 64 * 32, 256
    assert coverage.weights == 2 * (ATTENTION + experts + router)
    assert (coverage.adapted, coverage.quantized) == (2 * (ATTENTION + experts), 2 * ATTENTION)
    assert coverage.in_16_bit == {"mlp.experts.gate_up_proj": 32_768, "mlp.experts.down_proj": 16_384}
    assert warned == [
        "QLoRA: 66.2% of the layers' weights stay in 16 bit, which bitsandbytes does not know as linear layers: "
        "mlp.experts.gate_up_proj (44.1%), mlp.experts.down_proj (22.1%)"
    ]


def test_experts_of_a_mixtral_without_adapters(tmp_path: Path) -> None:
    attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
    coverage, warned = coverage_of(tmp_path, "mixtral", attention, qlora=False)
    assert (coverage.weights, coverage.adapted, warned) == (2 * (ATTENTION + 4 * 3 * 64 * 128 + 256), 2 * ATTENTION, [])
    named, _ = coverage_of(tmp_path / "named", "mixtral", [*attention, "w1", "w2", "w3"], qlora=False)
    assert named.adapted == 2 * (ATTENTION + 4 * 3 * 64 * 128)


def test_linear_attention_gets_no_adapter_by_the_usual_names(tmp_path: Path) -> None:
    coverage, warned = coverage_of(tmp_path, "qwen3_5_text")
    # Three layers of four: q, k and v side by side 128 x 64, z 64 x 64, a and b 4 x 64, output 64 x 64.
    assert coverage.without_adapter == {
        "linear_attn.in_proj_qkv": 3 * 8_192,
        "linear_attn.out_proj": 3 * 4_096,
        "linear_attn.in_proj_z": 3 * 4_096,
        "linear_attn.in_proj_b": 3 * 256,
        "linear_attn.in_proj_a": 3 * 256,
    }
    assert coverage.quantized == coverage.weights
    assert warned == [
        "LoRA: 30.7% of the layers' weights get no adapter: linear_attn.in_proj_qkv (14.9%), linear_attn.out_proj "
        "(7.4%), linear_attn.in_proj_z (7.4%), linear_attn.in_proj_b (0.5%) and 1 more; lora.target_modules can name "
        "in_proj_a, in_proj_b, in_proj_qkv, in_proj_z, out_proj too"
    ]
    named = ["in_proj_a", "in_proj_b", "in_proj_qkv", "in_proj_z", "out_proj"]
    assert coverage_of(tmp_path / "named", "qwen3_5_text", [*ALL, *named])[1] == []


def test_shared_experts_lose_their_adapters_to_the_stacked_ones(tmp_path: Path) -> None:
    coverage, warned = coverage_of(tmp_path, "glm4_moe", qlora=False)
    # The first layer is dense (128 wide), the second has experts; PEFT takes `gate_proj` for the stacked ones' alone.
    assert coverage.without_adapter == {
        "mlp.gate_proj": 8_192,
        "mlp.up_proj": 8_192,
        "mlp.down_proj": 8_192,
        "mlp.shared_experts.gate_proj": 2_048,
        "mlp.shared_experts.up_proj": 2_048,
        "mlp.shared_experts.down_proj": 2_048,
    }
    assert coverage.adapted == 2 * ATTENTION + 4 * 3 * 64 * 32
    assert len(warned) == 1
    assert warned[0].endswith("mlp.shared_experts.gate_proj (2.6%) and 2 more")


def test_stacked_experts_beside_a_shared_one_get_none_where_peft_does_not_know_them(tmp_path: Path) -> None:
    coverage, _ = coverage_of(tmp_path, "qwen2_moe")
    assert coverage.without_adapter == {
        "mlp.experts.gate_up_proj": 32_768,
        "mlp.experts.down_proj": 16_384,
        "mlp.shared_expert_gate": 128,
    }


def test_conv1d_of_gpt2_counts_as_linear(tmp_path: Path) -> None:
    coverage, warned = coverage_of(tmp_path, "gpt2", ["c_attn", "c_proj", "c_fc"], qlora=False)
    assert (coverage.adapted, warned) == (coverage.weights, [])
    assert coverage.weights == 2 * (64 * 192 + 64 * 64 + 2 * 64 * 256)


@pytest.mark.parametrize(
    ("adapted", "percent"), [(0, "0%"), (1, "0.1%"), (500, "50.0%"), (9_999, "99.9%"), (10_000, "100%")]
)
def test_only_all_is_100_percent(adapted: int, percent: str) -> None:
    weights = 1_000 if adapted == 500 else 10_000
    sentence = Coverage(weights, adapted, 0, {}, {}).sentence()
    assert sentence == f"Of the layers' weights {percent} have adapters and 0% are in 4 bit"
