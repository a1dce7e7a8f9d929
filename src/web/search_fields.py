"""The settings of a search as its form shows them."""

from ..bilingual import Text
from ..config.schema import Config
from .setting_fields import SettingField, fields_of_section

SEARCH_WORDS = {
    "search.objective": (
        Text("Objective", "목표 점수"),
        Text("Score of the evaluation data's summaries that is made as high as possible.",
             "평가 데이터의 요약에서 가장 높이려는 점수입니다."),
    ),
    "search.trials": (
        Text("Most trials", "최대 시도 수"),
        Text("Empty for as many as the deadline allows.", "비워 두면 시간이 되는 만큼 시도합니다."),
    ),
    "search.set_aside": (
        Text("Set aside", "따로 둘 비율"),
        Text("Share of the evaluation data that nothing is chosen on, for the report at the end.",
             "평가 데이터에서 고르는 데 쓰지 않고 마지막 보고에만 쓰는 비율입니다."),
    ),
    "search.most_unsupported_facts": (
        Text("Most unsupported facts", "근거 없는 사실의 한도"),
        Text("A summary, which the winner must keep to; empty for any number.",
             "선택될 설정이 지켜야 하는 요약당 개수입니다. 비워 두면 따지지 않습니다."),
    ),
    "search.space": (
        Text("Settings to search besides", "더 찾아볼 설정"),
        Text("Such as {training.learning_rate: {low: 1e-4, high: 1e-2, log: true}, lora.r: [8, 16, 32]}; those of the "
             "method are searched anyway.",
             "예: {training.learning_rate: {low: 1e-4, high: 1e-2, log: true}, lora.r: [8, 16, 32]}. 학습 방법의 기본 "
             "설정은 적지 않아도 찾습니다."),
    ),
    "search.pauses": (
        Text("Pauses", "중간 측정 시점"),
        Text("Shares of a trial's steps after which it is measured.",
             "시도를 멈추고 재는 시점을 스텝의 비율로 적습니다."),
    ),
    "search.keep_one_in": (
        Text("Keep one in", "통과 비율"),
        Text("At each pause the best one in so many goes on.", "잴 때마다 이만큼 가운데 가장 좋은 하나만 이어 갑니다."),
    ),
    "search.pause_dialogues": (
        Text("Dialogues at the last pause", "마지막 측정의 대화 수"),
        Text("Summarized there, where there are more than twice as many.",
             "평가 대화가 이 두 배보다 많을 때, 마지막 측정에서 이만큼 요약합니다."),
    ),
    "search.keep_models": (
        Text("Weights kept", "남길 가중치"),
        Text("Of the best finished trials, while the search runs.",
             "탐색하는 동안 가장 좋은 시도 몇 개의 가중치를 둡니다."),
    ),
    "search.equal_within": (
        Text("Equal within", "같다고 볼 범위"),
        Text("Standard errors of the difference; of equal trials the cheapest is taken. 0 takes the best score.",
             "차이의 표준오차의 배수입니다. 같다고 본 시도 가운데 비용이 가장 적은 것을 고릅니다. "
             "0이면 점수가 가장 높은 것을 고릅니다."),
    ),
    "search.seed": (
        Text("Seed", "시드"),
        Text("Of what is tried, and of what is set aside.", "무엇을 시도하고 무엇을 따로 둘지 정합니다."),
    ),
}  # fmt: skip
"""Label and help of each, those first that matter most."""
SEARCH_MAIN = 4
"""How many of them are shown without a click."""


def search_fields(config: Config) -> list[SettingField]:
    """Return the fields of a search, with the values of a config."""
    fields = fields_of_section(config, "search", SEARCH_WORDS)
    return [fields[name] for name in SEARCH_WORDS]
