"""What is said of means of models.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

AVERAGE_ERRORS = (
    Text("{folder}: a mean is one of two models or more", "{folder}: 평균을 내려면 모델이 둘 이상 있어야 합니다"),
    Text("{folder}: is named twice", "{folder}: 두 번 지정했습니다"),
    Text("{folder}: can't be averaged: {why}", "{folder}: 평균을 낼 수 없습니다. {why:t}"),
    Text("its weights are quantized", "가중치가 양자화되어 있습니다"),
    Text("it has no model.safetensors", "model.safetensors가 없습니다"),
    Text(
        "{what}; average what --to merged makes of each",
        "{what:t} 때문입니다. 각각 --to merged로 내보낸 것의 평균을 내세요",
    ),
    Text("{folder}: can't be averaged with {other}: {why}", "{folder}: {other:과/와} 평균을 낼 수 없습니다. {why:t}"),
    Text("one is a whole model, the other an adapter", "하나는 전체 모델이고 하나는 어댑터입니다"),
    Text("its tokenizer has other tokens", "토크나이저의 토큰이 다릅니다"),
    Text("{name} in config.json differs", "config.json의 {name:이/가} 다릅니다"),
    Text("other layers have adapters", "어댑터가 붙은 층이 다릅니다"),
    Text("what was trained beside the layers' adapters differs", "층의 어댑터 말고 함께 학습한 것이 다릅니다"),
    Text("other weights", "가중치 이름이 다릅니다"),
    Text("{name} differs in shape or kind", "{name}의 모양이나 종류가 다릅니다"),
    Text(
        "{folder}: has the same weights as {other}, so their mean is what each is; train it with another training.seed",
        "{folder}: {other:과/와} 가중치가 같아 평균을 내도 그대로입니다. training.seed를 바꿔 학습하세요",
    ),
    Text(
        "{path}: the weights are broken ({why}); copy or train them again",
        "{path}: 가중치가 깨져 있습니다({why:t}). 다시 복사하거나 학습하세요",
    ),
    Text(
        "--average-with {name}: {setting} is {value}, and {other} in {first}; leave it out, or say what holds for the "
        "mean with {typed}=VALUE",
        "--average-with {name}: {setting:이/가} {value}인데 {first}에서는 {other}입니다. 빼거나, 평균에 쓸 값을 "
        "{typed}=값으로 지정하세요",
    ),
    Text(
        "--average-with {name}: was trained with another prompt than {first}; leave it out",
        "--average-with {name}: {first:과/와} 다른 프롬프트로 학습했습니다. 빼세요",
    ),
    Text(
        "--average-with {name}: {settings} differ; those of {first} hold",
        "--average-with {name}: {settings:이/가} 다릅니다. {first}의 값을 씁니다",
    ),
    Text("Averaging {number} models ...", "모델 {number}개의 평균을 내는 중 ..."),
    Text("Mean of the weights of {names}", "{names}의 가중치 평균"),
)
