"""Errors of prompts and tokenizers that the user can mend.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

PROMPT_ERRORS = (
    Text(
        "{a} dialogues but {b} summaries; each needs one",
        "대화는 {a}개인데 요약은 {b}개입니다. 대화마다 하나씩 필요합니다",
    ),
    Text(
        "the tokenizer has no end-of-sequence token, so a summary could not end; set its eos_token",
        "토크나이저에 끝 토큰이 없어 요약을 끝맺을 수 없습니다. eos_token을 지정하세요",
    ),
    Text(
        (
            "the tokenizer has no token {token}, which this chat layout needs; check model.chat_template, or load it "
            "with LoRALoader, which adds it"
        ),
        (
            "토크나이저에 이 대화 형식에 필요한 {token} 토큰이 없습니다. model.chat_template을 확인하거나, 토큰을 "
            "더해 주는 LoRALoader로 불러오세요"
        ),
    ),
    Text(
        "the tokenizer has no chat template of its own; set model.chat_template to {names}",
        "토크나이저에 자체 채팅 템플릿이 없습니다. model.chat_template에 {names:,} 가운데 하나를 쓰세요",
    ),
    Text(
        "the tokenizer's chat template has no end token; set model.chat_template to {names}",
        "토크나이저의 채팅 템플릿에 끝 토큰이 없습니다. model.chat_template에 {names:,} 가운데 하나를 쓰세요",
    ),
    Text(
        "the tokenizer's chat template changes its messages; set model.chat_template to {names}",
        "토크나이저의 채팅 템플릿이 메시지를 바꿉니다. model.chat_template에 {names:,} 가운데 하나를 쓰세요",
    ),
    Text(
        "the tokenizer's chat template refuses the messages ({why}); set model.chat_template to {names}",
        (
            "토크나이저의 채팅 템플릿이 메시지를 받지 않습니다({why}). model.chat_template을 {names:,} 가운데 하나로 "
            "두세요"
        ),
    ),
    Text(
        (
            "tokenizer.encoder_max_len = {most}: the prompt's own text takes {fixed} tokens, which leaves none for a "
            "dialogue; use {use} or more"
        ),
        (
            "tokenizer.encoder_max_len = {most}: 프롬프트 문구만 {fixed}토큰이라 대화가 들어갈 자리가 없습니다. {use} "
            "이상으로 쓰세요"
        ),
    ),
    Text(
        (
            "the tokenizer has neither Llama's nor ChatML's control tokens; use dataset.format_type=instruction or "
            "load it with LoRALoader, which adds them"
        ),
        (
            "토크나이저에 Llama나 ChatML의 제어 토큰이 없습니다. dataset.format_type=instruction을 쓰거나, 토큰을 "
            "더해 주는 LoRALoader로 불러오세요"
        ),
    ),
    Text(
        "{name}={value} is unknown{hint}; there are: {known}", "{name}={value}: 없는 값입니다{hint:t}. 있는 것: {known}"
    ),
    Text("it has more than {number} characters", "{number}자가 넘음"),
    Text(
        "The tokenizer writes some characters in another form (NFKC): {a} as {b}",
        "토크나이저가 몇몇 글자를 다른 꼴(NFKC)로 바꿉니다: {a} → {b}",
    ),
    Text(
        (
            "the tokenizer does not get to an end with a text ({why}); its tokenizer.json is broken or hostile, use "
            "another checkpoint"
        ),
        "토크나이저가 글 하나를 끝내지 못합니다({why}). tokenizer.json이 깨졌거나 악의적이니 다른 체크포인트를 쓰세요",
    ),
    Text(
        "the tokenizer does not give text back{how}: {a} becomes {b}; use a checkpoint whose tokenizer keeps all text",
        (
            "토크나이저가 글을 그대로 되돌리지 못합니다{how:t}: {a:이/가} {b:으로/로} 바뀝니다. 글을 그대로 두는 "
            "토크나이저가 있는 체크포인트를 쓰세요"
        ),
    ),
    Text(" (it makes capitals small)", "(대문자를 소문자로 바꿈)"),
    Text(" (it drops accents)", "(악센트를 뺌)"),
    Text(" (it changes white space)", "(공백을 바꿈)"),
    Text(
        "The instruction format has no system message: dataset.system is without effect",
        "instruction 형식에는 시스템 메시지가 없습니다. dataset.system의 값은 효과가 없습니다",
    ),
    Text(
        "The model's chat template takes no system message: dataset.system stands at the start of the user's",
        "모델의 채팅 템플릿이 시스템 메시지를 받지 않아 dataset.system을 사용자 메시지 맨 앞에 둡니다",
    ),
    Text(
        (
            "an example's tokens are not those of its whole text: {a} where the tokenizer itself has {b}; use another "
            "dataset.format_type or model.chat_template, or another checkpoint"
        ),
        (
            "예시의 토큰이 글 전체를 나눈 것과 다릅니다({a}, 토크나이저로는 {b}). dataset.format_type이나 "
            "model.chat_template을 바꾸거나 다른 체크포인트를 쓰세요"
        ),
    ),
    Text(
        "{name} has no tokenizers backend; use a checkpoint with a tokenizer.json",
        "{name:은/는} tokenizers로 만든 것이 아닙니다. tokenizer.json이 든 체크포인트를 쓰세요",
    ),
)
