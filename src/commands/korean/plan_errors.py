"""Errors of plans that the user can mend.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

PLAN_ERRORS = (
    Text("{file}: can't be read as a tokenizer ({why})", "{file}: 토크나이저로 읽을 수 없습니다({why})"),
    Text(
        "{place}: is under way, and would slow down what is measured; wait until it has ended",
        "{place:이/가} 진행 중이라 함께 재면 느리게 나옵니다. 끝난 뒤에 측정하세요",
    ),
    Text(
        "{place}: has begun meanwhile, so what was measured is not kept; wait until it has ended",
        "{place:이/가} 그사이 시작되어 측정한 값을 저장하지 않았습니다. 끝난 뒤에 측정하세요",
    ),
    Text(
        "lora.target_modules: {name} can't be planned; the layers have {names}",
        "lora.target_modules: {name:은/는} 계산할 수 없습니다. 층에 있는 것은 {names}입니다",
    ),
    Text(
        "training.engine = packed can't train this: {obstacle}; set training.engine=auto",
        "training.engine = packed로는 학습할 수 없습니다({obstacle:t}). training.engine=auto로 두세요",
    ),
    Text(
        "training.base_precision = fp8: {obstacle}; leave it at compute",
        "training.base_precision = fp8: 쓸 수 없습니다({obstacle:t}). compute로 두세요",
    ),
    Text("fp16 needs a gradient scaler", "fp16에는 그래디언트 스케일러가 필요함"),
    Text("training.neftune_noise_alpha is set", "training.neftune_noise_alpha가 설정됨"),
    Text("training.engine is trainer", "training.engine이 trainer임"),
    Text("all weights train, none are frozen", "모든 가중치를 학습하여 고정된 것이 없음"),
    Text(
        "{name} has no float8 units (Ada, Hopper and later have)", "{name}에 float8 연산기가 없음(Ada, Hopper부터 있음)"
    ),
    Text(
        "--lengths {text}: give three numbers, mean,p95,max, such as 300,600,1200",
        "--lengths {text}: 평균,p95,최댓값을 300,600,1200처럼 수 세 개로 쓰세요",
    ),
    Text(
        "--lengths {text}: mean, p95 and max must rise, from 8 tokens on, such as 300,600,1200",
        "--lengths {text}: 평균, p95, 최댓값은 8토큰 이상에서 300,600,1200처럼 커져야 합니다",
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: the model has {limit} positions, and tokenizer.encoder_max_len + "
            "decoder_max_len = {sum}; use {settings}"
        ),
        (
            "model.checkpoint = {checkpoint}: 모델의 위치는 {limit}개인데 tokenizer.encoder_max_len + decoder_max_len "
            "= {sum}입니다. {settings:으로/로} 쓰세요"
        ),
    ),
    Text(
        (
            "The model was made for {limit} positions, and tokenizer.encoder_max_len + decoder_max_len = {sum}: "
            "longer texts than it has seen get worse summaries; {settings} keeps within"
        ),
        (
            "모델은 위치 {limit}개까지 배웠는데 tokenizer.encoder_max_len + decoder_max_len = {sum}입니다. 본 적 없이 "
            "긴 글은 요약이 나빠집니다. {settings:이면/면} 넘지 않습니다"
        ),
    ),
    Text(
        "model.checkpoint = {checkpoint}: the model has {limit} positions, and {number} examples are longer, {why}",
        "model.checkpoint = {checkpoint}: 모델의 위치는 {limit}개인데 예시 {number}개가 더 깁니다({why:t}",
    ),
    Text(
        "The model was made for {limit} positions, and {number} examples are longer, {why}",
        "모델은 위치 {limit}개까지 배웠는데 예시 {number}개가 더 깁니다({why:t}",
    ),
    Text(
        "up to {longest} tokens, as summaries are trained on whole; shorten such summaries",
        "최대 {longest}토큰, 요약은 자르지 않고 학습합니다). 그런 요약을 줄이세요",
    ),
    Text(
        "up to {longest} tokens, as summaries are trained on whole; shorten such summaries, or set {setting}",
        "최대 {longest}토큰, 요약은 자르지 않고 학습합니다). 그런 요약을 줄이거나 {setting:으로/로} 두세요",
    ),
    Text(
        "{where}: models of type {kind} with layers of more sizes can't be planned",
        "{where}: 층마다 크기가 더 다른 {kind} 모델은 계산할 수 없습니다",
    ),
    Text(
        "{where}: models of type {kind} with {name} can't be planned",
        "{where}: {name:이/가} 있는 {kind} 모델은 계산할 수 없습니다",
    ),
    Text(
        "{where}: models of type {kind} can't be planned; those of {names} can",
        "{where}: {kind} 모델은 계산할 수 없습니다. 할 수 있는 것은 {names}입니다",
    ),
    Text(
        "{where}: no usable {name} in the model's config.json",
        "{where}: 모델의 config.json에 쓸 만한 {name:이/가} 없습니다",
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: its shape is neither shipped nor found in a folder, in the cache or on "
            "the hub; name a folder with its config.json, or one of {names}"
        ),
        (
            "model.checkpoint = {checkpoint}: 모델의 크기를 알 수 없습니다. 함께 들어 있지도 않고 폴더, 캐시, "
            "허브에도 없습니다. config.json이 든 폴더나 다음 가운데 하나를 지정하세요: {names}"
        ),
    ),
    Text("{file}: can't be read as a model's config ({why})", "{file}: 모델 설정으로 읽을 수 없습니다({why})"),
    Text("{file}: is no model's config", "{file}: 모델 설정이 아닙니다"),
    Text("a picture is drawn with --compare", "그림은 --compare와 함께 그립니다"),
    Text(
        "--calibrate measures this machine and plans nothing",
        "--calibrate는 이 컴퓨터를 재며 아무것도 계획하지 않습니다",
    ),
    Text("a search takes the time that it is given", "설정 탐색은 주어진 시간만큼 걸립니다"),
    Text("one card is joined to none", "GPU 한 장은 이을 것이 없습니다"),
    Text("one host is joined to none", "호스트 하나는 이을 것이 없습니다"),
    Text(
        "--compare of methods has cards of several prices", "방법을 비교하는 --compare에는 값이 다른 GPU들이 나옵니다"
    ),
    Text(
        "--search: trials of one card are planned; leave out --compare, --refine, --cards and --hosts",
        "--search는 GPU 한 장에서의 시도를 계산합니다. --compare, --refine, --cards, --hosts는 빼세요",
    ),
    Text(
        "--compare and --refine: methods are compared for training; leave one out",
        "--compare와 --refine: 방법 비교는 학습(train)에만 있습니다. 하나를 빼세요",
    ),
    Text("{verdict}; this fits: {settings}", "{verdict:t} 이렇게 하면 들어갑니다: {settings}"),
    Text("{verdict}; no settings of this model do", "{verdict:t} 이 모델은 설정을 바꿔도 들어가지 않습니다."),
)
