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
        "토크나이저에 자체 채팅 템플릿이 없습니다. model.chat_template에 {names} 가운데 하나를 쓰세요",
    ),
    Text(
        "the tokenizer's chat template has no end token; set model.chat_template to {names}",
        "토크나이저의 채팅 템플릿에 끝 토큰이 없습니다. model.chat_template에 {names} 가운데 하나를 쓰세요",
    ),
    Text(
        "the tokenizer's chat template changes its messages; set model.chat_template to {names}",
        "토크나이저의 채팅 템플릿이 메시지를 바꿉니다. model.chat_template에 {names} 가운데 하나를 쓰세요",
    ),
    Text(
        "the tokenizer's chat template refuses the messages ({why}); set model.chat_template to {names}",
        "토크나이저의 채팅 템플릿이 메시지를 받지 않습니다({why}). model.chat_template에 {names} 가운데 하나를 쓰세요",
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
)
