"""What `yoyak plan` prints.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

PLAN = (
    Text(
        "Fits: {need} of {have} GB on {what}, {spare} GB to spare.",
        "들어갑니다: {what:t} {have} GB 가운데 {need} GB를 쓰고 {spare} GB가 남습니다.",
    ),
    Text(
        "Does not fit: {need} GB at the least, {over} more than the {have} GB of {what}.",
        "들어가지 않습니다: 적어도 {need} GB가 필요한데 {what:t} {have} GB보다 {over} GB 많습니다.",
    ),
    Text("a card of {size} GB, as fast as a {name}", "{size} GB GPU({name}급)"),
    Text("What would buy most:", "가장 도움이 되는 변경:"),
    Text("{name}: {method} of {model} on {card}", "{name}: {model:t} {method:t} 학습, {card:t}"),
    Text("full fine-tuning", "전체 파인튜닝"),
    Text(
        "{name}: refining by reward ({method}) of {model} on {card}",
        "{name}: {model:을/를} 보상으로 추가 학습({method:t}), {card:t}",
    ),
    Text(
        "summaries drawn at a time: {rows}; updates in {dtype}, micro-batches of up to {tokens} tokens; computed "
        "again: {layers}",
        "한 번에 뽑는 요약 {rows}개, 갱신은 {dtype}, 마이크로배치마다 최대 {tokens}토큰. 재계산하는 층: {layers:t}",
    ),
    Text(
        "{steps} steps of {dialogues} dialogues x {samples} summaries on each of {cards} cards ({link})",
        "GPU {cards}개({link})마다 대화 {dialogues}개에 요약 {samples}개씩 {steps}스텝",
    ),
    Text(
        (
            "{steps} steps of {dialogues} dialogues x {samples} summaries on each of {cards} cards of {hosts} hosts "
            "({links})"
        ),
        "서버 {hosts}대의 GPU {cards}개({links})마다 대화 {dialogues}개에 요약 {samples}개씩 {steps}스텝",
    ),
    Text(
        "{steps} steps of {dialogues} dialogues x {samples} summaries",
        "대화 {dialogues}개에 요약 {samples}개씩 {steps}스텝",
    ),
    Text("layers gathered from all cards", "모든 GPU에서 모아 온 층"),
    Text("waiting for gathered layers", "모아 올 층 기다리기"),
    Text("caches of drawn summaries", "뽑는 요약의 캐시"),
    Text("copies of what trains", "학습하는 값의 사본"),
    Text("drawing summaries", "요약 뽑기"),
    Text("rewards", "보상 계산"),
    Text("updates", "갱신"),
    Text(
        "engine {engine}, {dtype}, micro-batches of up to {tokens} tokens; computed again: {layers}",
        "엔진 {engine}, {dtype}, 마이크로배치마다 최대 {tokens}토큰. 재계산하는 층: {layers:t}",
    ),
    Text(
        "engine {engine}, {dtype}, micro-batches of {count} examples, padded; computed again: {layers}",
        "엔진 {engine}, {dtype}, 마이크로배치마다 패딩한 예시 {count}개. 재계산하는 층: {layers:t}",
    ),
    Text("gated delta rule: counted by {kernels}", "게이트 델타 규칙: {kernels:t} 기준"),
    Text("operations of torch", "torch 연산"),
    Text(
        "Gated delta rule: transformers' own operations of torch (%s)",
        "게이트 델타 규칙: transformers의 torch 연산(%s)",
    ),
    Text(
        "Flash Linear Attention's kernels are compiled in a machine's first run: minutes",
        "Flash Linear Attention의 커널은 이 기계에서 처음 실행할 때 몇 분 동안 컴파일합니다",
    ),
    Text("Gated delta rule: %s", "게이트 델타 규칙: %s"),
    Text("all layers", "모든 층"),
    Text("{some} of {all} layers", "{all}개 중 {some}개"),
    Text("lengths: {source} (an estimate); nothing is cut", "길이: {source:t} 기준(추정), 자르는 것 없음"),
    Text("lengths: {source}; nothing is cut", "길이: {source:t} 기준, 자르는 것 없음"),
    Text(
        "lengths: {source} (an estimate); {count} prompts lose {tokens} tokens",
        "길이: {source:t} 기준(추정), 프롬프트 {count}개에서 {tokens}토큰을 자름",
    ),
    Text(
        "lengths: {source}; {count} prompts lose {tokens} tokens",
        "길이: {source:t} 기준, 프롬프트 {count}개에서 {tokens}토큰을 자름",
    ),
    Text(
        "{steps} steps of {examples} examples, {micro} micro-batches each, {filler}% filler",
        "예시 {examples}개씩 {steps}스텝, 스텝마다 마이크로배치 {micro}개, 빈자리 {filler}%",
    ),
    Text(
        (
            "{steps} steps of {examples} examples on each of {cards} cards ({link}), {micro} micro-batches each, "
            "{filler}% filler"
        ),
        "GPU {cards}개({link})에 예시 {examples}개씩 {steps}스텝, 스텝마다 마이크로배치 {micro}개, 빈자리 {filler}%",
    ),
    Text(
        (
            "{steps} steps of {examples} examples on each of {cards} cards of {hosts} hosts ({links}), "
            "{micro} micro-batches each, {filler}% filler"
        ),
        (
            "서버 {hosts}대의 GPU {cards}개({links})에 예시 {examples}개씩 {steps}스텝, "
            "스텝마다 마이크로배치 {micro}개, 빈자리 {filler}%"
        ),
    ),
    Text("adding up gradients", "그래디언트 합산"),
    Text("joined by  s a step       run", "     연결   초/스텝      전체"),
    Text("* weights cut over the cards", "* 가중치를 GPU마다 나눔"),
    Text("! does not fit", "! 들어가지 않음"),
    Text("does not fit", "들어가지 않음"),
    Text("card", "GPU 이름"),
    Text("method", "방법"),
    Text("lengths", "길이"),
    Text("hours", "시간"),
    Text("micro-batch, computed again", "마이크로배치, 재계산하는 층"),
    Text("Picture: {path}", "그림: {path}"),
    Text("cards  s a step       run   speed  GB each", "  GPU   초/스텝      전체    속도   GB(장)"),
    Text(
        "cards  s a step       run   speed  GB each      cost", "  GPU   초/스텝      전체    속도   GB(장)      비용"
    ),
    Text("Memory [{bar}] {need} of {have} GB", "메모리 [{bar}] {have} GB 가운데 {need} GB"),
    Text("Memory [{bar}] {need} of {have} GB (over)", "메모리 [{bar}] {have} GB 가운데 {need} GB(넘침)"),
    Text(
        "Time {time}, {step} s a step (an estimate: this card was not measured)",
        "시간 {time:t}, 스텝당 {step}초(추정: 재 보지 않은 GPU)",
    ),
    Text("Time {time}, {step} s a step", "시간 {time:t}, 스텝당 {step}초"),
    Text(
        "Time {time}, {step} s a step, {cost} at {price} an hour (an estimate: this card was not measured)",
        "시간 {time:t}, 스텝당 {step}초, 시간당 {price:이면/면} {cost}(추정: 재 보지 않은 GPU)",
    ),
    Text(
        "Time {time}, {step} s a step, {cost} at {price} an hour",
        "시간 {time:t}, 스텝당 {step}초, 시간당 {price:이면/면} {cost}",
    ),
    Text("weights", "가중치"),
    Text("quantization constants", "양자화 상수"),
    Text("adapter and its copies", "어댑터와 사본"),
    Text("dequantized weights", "역양자화한 가중치"),
    Text("weights in 8 bit", "8비트 가중치"),
    Text("gradients", "그래디언트"),
    Text("optimizer", "옵티마이저"),
    Text("activations: layers' inputs", "활성값: 층의 입력"),
    Text("activations: kept for the backward", "활성값: 역전파에 쓸 것"),
    Text("activations: the layer at work", "활성값: 계산 중인 층"),
    Text("logits", "로짓"),
    Text("evaluation batch", "평가 배치"),
    Text("temporary buffers", "임시 버퍼"),
    Text("paged optimizer states", "페이징한 옵티마이저 상태"),
    Text("CUDA context", "CUDA 컨텍스트"),
    Text("allocator's slack and graphs", "할당자 여유분과 그래프"),
    Text("allocator peak", "할당자 최댓값"),
    Text(
        "of it {memory} GB are the vocabulary's {tokens} tokens: {tables} GB embeddings and head, {logits} GB logits",
        "그중 {memory} GB는 어휘 {tokens}개 몫: 임베딩과 출력층 {tables} GB, 로짓 {logits} GB",
    ),
    Text("matrix products", "행렬 곱"),
    Text("attention", "어텐션"),
    Text("products of the adapters", "어댑터의 행렬 곱"),
    Text("vocabulary head", "어휘 출력층"),
    Text("elementwise passes", "원소별 연산"),
    Text("rounding to 8 bit", "8비트 반올림"),
    Text("dequantization", "역양자화"),
    Text("waiting for launches", "커널 실행 대기"),
    Text("packing, clipping, logging", "패킹, 클리핑, 로그"),
    Text("evaluation", "평가"),
    Text("saving", "저장"),
    Text("{settings}: {memory} GB less, {time} shorter", "{settings}: {memory} GB 줄고 {time:t} 짧아짐"),
    Text("{settings}: {memory} GB more, {time} shorter", "{settings}: {memory} GB 늘고 {time:t} 짧아짐"),
    Text("{settings}: {memory} GB less, {time} longer", "{settings}: {memory} GB 줄고 {time:t} 길어짐"),
    Text("{settings}: nothing", "{settings}: 달라지는 것 없음"),
    Text("{settings}: {memory} GB less", "{settings}: {memory} GB 줄어듦"),
    Text("{settings}: {time} shorter", "{settings}: {time:t} 짧아짐"),
    Text("{text}, and does not fit", "{text:t}, 그래도 들어가지 않음"),
    Text(
        "Does not fit: {need} GB at the least, {over} more than the {have} GB of {card}",
        "들어가지 않습니다: 적어도 {need} GB가 필요한데 {card:t} {have} GB보다 {over} GB 많습니다.",
    ),
    Text(
        (
            "{name}: products {flops} TFLOP/s, {bandwidth} GB/s, half of it at {rows} rows, {launch} us a call; kept "
            "in {path}"
        ),
        (
            "{name}: 행렬 곱 {flops} TFLOP/s, {bandwidth} GB/s, {rows}행에서 절반 속도, 호출마다 {launch}µs. {path}에 "
            "저장했습니다"
        ),
    ),
    Text("inputs of products kept too", "행렬 곱의 입력도 남김"),
    Text("{source}, counted by the tokenizer", "{source}, 토크나이저로 셈"),
    Text("{source}, estimated by characters ({family})", "{source}, 글자 수로 추정({family})"),
)
