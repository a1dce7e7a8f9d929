"""The settings of a refining as its form shows them."""

from ..bilingual import Text
from ..config.schema import Config
from .setting_fields import SettingField, fields_of_section

REFINE_WORDS = {
    "refine.minutes": (
        Text("Minutes", "시간(분)"),
        Text("Steps and evaluations end by then; empty for no limit.",
             "이 시간 안에 스텝과 평가를 마칩니다. 비워 두면 제한이 없습니다."),
    ),
    "refine.steps": (
        Text("Most steps", "최대 스텝"),
        Text("Of drawing, reward and one update each.", "한 스텝마다 요약을 뽑아 보상을 매기고 한 번 학습합니다."),
    ),
    "refine.dialogues": (
        Text("Dialogues a step", "스텝당 대화 수"),
        Text("More make a step's direction surer, and the step dearer.",
             "많을수록 학습 방향이 정확해지고 스텝이 오래 걸립니다."),
    ),
    "refine.samples": (
        Text("Summaries a dialogue", "대화당 요약 수"),
        Text("They are drawn and compared with each other.", "이만큼 뽑아 서로 비교합니다."),
    ),
    "refine.reward": (
        Text("Rewarded for", "보상 기준"),
        Text("Counted as the run's own scores are.", "이 실행의 점수와 같은 방법으로 셉니다."),
    ),
    "refine.facts_weight": (
        Text("Points for facts", "사실에 주는 점수"),
        Text("For the reference's numbers, dates and names that a summary keeps, less those that no dialogue holds.",
             "기준 요약의 숫자, 날짜, 이름을 지킨 만큼 더하고, 대화에 없는 것만큼 뺍니다."),
    ),
    "refine.learning_rate": (
        Text("Learning rate", "학습률"),
        Text("Of the refining alone.", "보상 학습에만 쓰는 학습률입니다."),
    ),
    "refine.eval_steps": (
        Text("Steps between evaluations", "평가 간격(스텝)"),
        Text("At each the state is saved; the best one is kept.", "평가할 때마다 저장하고, 가장 좋은 것을 남깁니다."),
    ),
    "refine.temperature": (
        Text("Temperature", "온도"),
        Text("Of drawing; at 1 the update is that of what is drawn from.",
             "요약을 뽑는 온도입니다. 1이면 뽑은 분포 그대로 학습합니다."),
    ),
    "refine.lr_scheduler_type": (
        Text("Shape of the learning rate", "학습률 일정"),
        Text("After the warm-up: as it is, or falling to 0 at the last step.",
             "워밍업 뒤에 그대로 두거나, 마지막 스텝에서 0이 되도록 낮춥니다."),
    ),
    "refine.warmup_steps": (
        Text("Warm-up steps", "워밍업 스텝"),
        Text("Steps in which the learning rate rises, all but the last at the most.",
             "학습률을 올리는 스텝 수입니다. 많아도 마지막 스텝 전까지입니다."),
    ),
    "refine.kl": (
        Text("Weight of the distance", "시작 모델과의 거리 가중치"),
        Text("Holds the model near its start, at the price of two more forward passes; 0 is off.",
             "시작 모델에서 멀어지지 않게 합니다. 순전파가 두 번 더 듭니다. 0은 끔입니다."),
    ),
    "refine.average": (
        Text("Moving average", "이동 평균"),
        Text("Share that a step keeps of the averaged weights, which are evaluated and kept; 0 is off.",
             "평가하고 남기는 것은 가중치의 이동 평균입니다. 한 스텝이 유지하는 비율이며 0은 끔입니다."),
    ),
    "refine.imitation": (
        Text("Weight of the reference", "기준 요약의 가중치"),
        Text("Keeps a share of the reference's own likelihood beside the reward; 0 is off.",
             "보상과 함께 기준 요약도 따라 배우게 합니다. 0은 끔입니다."),
    ),
    "refine.patience": (
        Text("Patience", "기다릴 평가 횟수"),
        Text("Evaluations without a better one after which it ends; empty goes on to the last step.",
             "더 좋아지지 않는 평가가 이만큼 이어지면 끝냅니다. 비워 두면 끝까지 합니다."),
    ),
    "refine.micro_batch_tokens": (
        Text("Tokens at a time", "한 번에 계산할 토큰 수"),
        Text("Most of them in an update; auto goes by the memory.",
             "업데이트에서 한 번에 계산하는 최대 토큰 수입니다. auto는 메모리에 맞춥니다."),
    ),
}  # fmt: skip
"""Label and help of each, those first that matter most."""
REFINE_MAIN = 8
"""How many of them are shown without a click."""


def refine_fields(config: Config) -> list[SettingField]:
    """Return the fields of a refining, with the values of a run's settings."""
    fields = fields_of_section(config, "refine", REFINE_WORDS)
    return [fields[name] for name in REFINE_WORDS]
