"""What of a training can be cut over several cards, by its settings."""

from typing import Literal

from ..bilingual import Text
from ..config.schema import Config
from ..errors import YoyakError
from .job import engine_obstacle, method_of

Sharding = Literal["none", "weights"]


def refuse_what_cannot_be_cut(config: Config) -> None:
    """Raise YoyakError where `training.sharding` = weights can't be had under a config."""
    if config.training.sharding == "weights" and (obstacle := sharding_obstacle(config)):
        raise YoyakError(f"training.sharding = weights: {obstacle}")


def sharding_obstacle(config: Config) -> str | None:
    """Return why weights can't be cut over cards under a config, with the way out, or None where they can."""
    training, method = config.training, method_of(config)
    if config.evaluation.generate or training.metric_for_best_model == "rouge_sum":
        return Text(
            "no summaries are generated from weights that are cut; set evaluation.generate=false and "
            "training.metric_for_best_model=eval_loss, and score the final model with yoyak evaluate",
            "나눠 둔 가중치로는 요약을 만들지 않습니다. evaluation.generate=false와 "
            "training.metric_for_best_model=eval_loss로 두고 최종 모델을 yoyak evaluate로 채점하세요",
        )
    if method == "lora":
        return Text(
            "16-bit weights under an adapter are not cut; set lora.use_qlora=true",
            "어댑터 아래의 16비트 가중치는 나누지 않습니다. lora.use_qlora=true로 두세요",
        )
    if config.model.dtype == "fp16":
        return Text(
            "fp16 needs a gradient scaler, which knows one card's part only; set model.dtype=bf16",
            "fp16에 필요한 그래디언트 스케일러는 GPU 하나의 몫만 압니다. model.dtype=bf16으로 두세요",
        )
    return _engine_obstacle(config)


def _engine_obstacle(config: Config) -> str | None:
    training, method = config.training, method_of(config)
    if method == "full":
        if training.engine != "packed":
            return None
        return Text(
            "where all weights train they are cut in the trainer engine; leave training.engine at auto",
            "전체 학습의 가중치는 trainer 엔진에서 나눕니다. training.engine을 auto로 두세요",
        )
    if training.engine == "trainer":
        return Text(
            "4-bit weights are cut in the packed engine; leave training.engine at auto",
            "4비트 가중치는 packed 엔진에서 나눕니다. training.engine을 auto로 두세요",
        )
    if engine_obstacle(config, method, config.model.dtype):
        return Text(
            "4-bit weights are cut in the packed engine, which knows neither DoRA nor NEFTune; leave these out",
            "4비트 가중치는 packed 엔진에서 나누는데, 이 엔진에는 DoRA와 NEFTune이 없습니다. 이 둘을 빼세요",
        )
    if training.base_precision == "fp8":
        return Text(
            "training.base_precision = fp8 holds whole weights in 8 bit; leave it at compute",
            "training.base_precision = fp8은 가중치 전체를 8비트로 둡니다. compute로 두세요",
        )
    if config.lora.cache_dequantized == "on":
        return Text(
            "lora.cache_dequantized = on holds whole weights; leave it at auto",
            "lora.cache_dequantized = on은 가중치 전체를 둡니다. auto로 두세요",
        )
    return None
