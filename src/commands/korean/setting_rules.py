"""What settings may be, and where they are read.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

SETTING_RULES = (
    Text("must be {what}", "{what:t:이어야/여야} 합니다"),
    Text("must be {what}, or null", "{what:t:이거나/거나} null이어야 합니다"),
    Text("must be auto, or {what}", "auto이거나 {what:t:이어야/여야} 합니다"),
    Text("must be true or false", "true나 false여야 합니다"),
    Text("must be auto, or true or false", "auto, true, false 가운데 하나여야 합니다"),
    Text(
        "must be a list such as [a, b]; each item must be {what}",
        "[a, b] 같은 목록이어야 하고, 항목은 {what:t:이어야/여야} 합니다",
    ),
    Text("a whole number", "정수"),
    Text("a whole number of at least {low}", "{low} 이상의 정수"),
    Text("a whole number of at least {low} and at most {high}", "{low} 이상 {high} 이하의 정수"),
    Text("a whole number of at least {low} and below {high}", "{low} 이상 {high} 미만의 정수"),
    Text("a number of at least {low}", "{low} 이상의 수"),
    Text("a number of at least {low} and at most {high}", "{low} 이상 {high} 이하의 수"),
    Text("a number of at least {low} and below {high}", "{low} 이상 {high} 미만의 수"),
    Text("a number above {low}", "{low}보다 큰 수"),
    Text("a number above {low} and at most {high}", "{low}보다 크고 {high} 이하인 수"),
    Text("a mapping such as {lora.r: [8, 16]}", "{lora.r: [8, 16]} 같은 대응표"),
    Text("one of {choices}", "{choices} 가운데 하나"),
    Text(
        "num_beams = {beams} searches and {setting} draws; leave one out",
        "num_beams = {beams:은/는} 빔 탐색이고 {setting:은/는} 표본 추출입니다. 하나를 빼세요",
    ),
    Text(
        "instruction and name_form are each the sentence before the dialogue; leave one out",
        "instruction과 name_form은 둘 다 대화 앞의 문장을 정합니다. 하나를 빼세요",
    ),
    Text("must be a plain folder name, without slashes", "빗금 없는 폴더 이름이어야 합니다"),
    Text("must be printable and not start with '-'", "'-'로 시작하지 않는, 보이는 글자여야 합니다"),
    Text(
        "must be at most {most} bytes long in UTF-8, where a Hangul syllable takes 3",
        "UTF-8로 {most}바이트 이하여야 합니다(한글 한 글자는 3바이트)",
    ),
    Text(
        "generation.min_new_tokens = {least} is more than tokenizer.decoder_max_len = {most}",
        "generation.min_new_tokens = {least:이/가} tokenizer.decoder_max_len = {most}보다 큽니다",
    ),
    Text(
        "{setting} has no part in using a model; leave it out",
        "{setting:은/는} 모델을 사용할 때는 쓰이지 않습니다. 빼세요",
    ),
    Text(
        "{setting} has no part in yoyak {command}; leave it out",
        "{setting:은/는} yoyak {command}에 쓰이지 않습니다. 빼세요",
    ),
    Text(
        "model.chat_template is of dataset.format_type = chat, and it is instruction; leave it out",
        "model.chat_template는 dataset.format_type = chat에 쓰이는데 지금은 instruction입니다. 빼세요",
    ),
    Text(
        "{setting} is of an adapter, and the model has none; leave it out",
        "{setting:은/는} 어댑터의 설정인데 모델에 어댑터가 없습니다. 빼세요",
    ),
    Text("{option} and {setting} differ; leave one out", "{option:과/와} {setting}의 값이 다릅니다. 하나를 빼세요"),
)
