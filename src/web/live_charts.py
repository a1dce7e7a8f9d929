"""The charts of a run's page: what of `metrics.jsonl` each shows, in words of the page's language."""

from dataclasses import dataclass
from typing import Any

from ..bilingual import Text
from ..evaluation.result import SCORE_NAMES
from ..reports.refining import DISTANCE, ENTROPY, PER_100, REFINED_FIGURES
from ..reports.sections import GRADIENT_NORM, LEARNING_RATE, LOSS, MACHINE, SPEED
from .language import PageLanguage, sayer

_TRAINING, _EVALUATION = Text("training", "학습"), Text("evaluation", "평가")
_DRAWN = Text("drawn", "샘플링")


@dataclass(frozen=True)
class LiveChart:
    """A chart: its series by their names in `metrics.jsonl`, whose values are multiplied by `factor`.

    `is_of_ranks` adds the series of other processes, `NAME_rank1` and so on; `hides_zeros` leaves a chart of zeros out.
    """

    title: str
    series: dict[str, str]
    is_wide: bool = False
    factor: float = 1.0
    is_of_ranks: bool = False
    hides_zeros: bool = False


def _alone(title: str, name: str, **more: Any) -> LiveChart:
    return LiveChart(title, {name: title}, **more)


CHARTS = [
    LiveChart(LOSS, {"loss": _TRAINING, "eval_loss": _EVALUATION}, is_wide=True),
    *(
        LiveChart(
            title, {name: _DRAWN, f"eval_{name}": _EVALUATION}, name == "reward", 100.0 if name in PER_100 else 1.0
        )
        for name, title in REFINED_FIGURES.items()
    ),
    _alone(ENTROPY, "entropy"),
    _alone(DISTANCE, "distance", hides_zeros=True),
    _alone(SCORE_NAMES["rouge_sum"], "eval_rouge_sum"),
    _alone(LEARNING_RATE, "learning_rate"),
    _alone(GRADIENT_NORM, "grad_norm"),
    _alone(SPEED, "tokens_per_second"),
    *(_alone(title, name, factor=factor, is_of_ranks=True) for name, (title, factor) in MACHINE.items()),
]
"""In the order of the page."""
_WORDS = {
    "step": Text("step", "스텝"),
    "left": Text("about {} left", "{} 남음"),
    "steps": Text("step {} of {}", "{} / {} 스텝"),
    "card": Text("GPU {}", "GPU {}"),
    "process": Text("process {}", "프로세스 {}"),
    "no_sensors": Text(
        "Without load and heat: they need nvidia-ml-py where the run trains (pip install nvidia-ml-py); its log says "
        "what was missing.",
        "사용률과 온도는 없습니다. 학습하는 컴퓨터에 nvidia-ml-py가 있어야 기록됩니다(pip install nvidia-ml-py). 없는 "
        "이유는 로그에 있습니다.",
    ),
}


def charts_in(language: PageLanguage) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return what the page's script draws, and the words that it needs."""
    say = sayer(language)
    charts = [
        {
            "title": say(chart.title),
            "series": [[name, say(label)] for name, label in chart.series.items()],
            "wide": chart.is_wide,
            "factor": chart.factor,
            "ranks": chart.is_of_ranks,
            "hidesZeros": chart.hides_zeros,
        }
        for chart in CHARTS
    ]
    return charts, {name: say(text) for name, text in _WORDS.items()}
