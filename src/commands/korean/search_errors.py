"""Why `yoyak search` refuses a start: its storage, data, objective and ranges.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

SEARCH_ERRORS = (
    Text(
        "{folder}: another process is at this search, which --overwrite would replace; stop it first",
        "{folder}: 다른 프로세스가 이 탐색을 하고 있어 --overwrite로 바꿀 수 없습니다. 먼저 멈추세요",
    ),
    Text(
        "{url}: holds another search: {what}; set it back, or begin anew with --overwrite or another experiment.name",
        "{url}: 다른 탐색의 저장소입니다({what}). 설정을 되돌리거나, "
        "--overwrite 또는 다른 experiment.name으로 새로 시작하세요",
    ),
    Text(
        "{url}: can't be used any more ({why}); what it holds stays; mend that, and the same command goes on",
        "{url}: 더는 쓸 수 없습니다({why}). 담긴 것은 그대로이니, 문제를 해결하고 같은 명령을 실행하면 이어서 합니다",
    ),
    Text("--storage {url}: can't be opened ({why})", "--storage {url}: 열 수 없습니다({why})"),
    Text("{n} trials in a row failed, the last one so: {why}", "{n}번 연달아 실패했습니다. 마지막 이유: {why:t}"),
    Text(
        "{source}: search.set_aside: {why}, or name a file with data.test",
        "{source}: search.set_aside: {why:t}. 아니면 data.test에 파일을 지정하세요",
    ),
    Text(
        "{source}: one dialogue can't be divided into those to choose on and those to report on; add more, or name a "
        "file with data.test",
        "{source}: 대화가 하나뿐이라 선택용과 확인용으로 나눌 수 없습니다. "
        "대화를 늘리거나 data.test에 파일을 지정하세요",
    ),
    Text(
        "{source}: search.objective can't be counted by evaluation.tokenization={how}: no summary has Hangul; set "
        "evaluation.tokenization=word",
        "{source}: 한글이 있는 요약이 없어 evaluation.tokenization={how:으로/로} search.objective를 셀 수 없습니다. "
        "evaluation.tokenization=word로 바꾸세요",
    ),
    Text(
        "{source}: search.objective={name}: {done} of {all} summaries have no tokens under "
        "evaluation.tokenization={how}; set evaluation.tokenization=word",
        "{source}: search.objective={name}: "
        "evaluation.tokenization={how:으로/로}는 요약 {all}개 중 {done}개에서 셀 토큰이 "
        "없습니다. evaluation.tokenization=word로 바꾸세요",
    ),
    Text(
        "{source}: search.most_unsupported_facts: no summary has a number, date or name; leave it out",
        "{source}: 숫자, 날짜, 이름이 있는 요약이 없어 search.most_unsupported_facts를 쓸 수 없습니다. 빼세요",
    ),
    Text("must be a mapping such as {example}", "{example} 같은 키와 값의 묶음이어야 합니다"),
    Text(
        "{place}: {name} = {value}: low must be a number below high",
        "{place}: {name} = {value}: low는 high보다 작은 수여야 합니다",
    ),
    Text(
        "{place}: {name} = {value}: step must be a number above 0 that fits between low and high",
        "{place}: {name} = {value}: step은 0보다 크고 low와 high 사이에 들어가는 수여야 합니다",
    ),
    Text(
        "{source}: {name} decides nothing: {why}; leave it out",
        "{source}: {name:은/는} 아무것도 정하지 않습니다({why:t}). 빼세요",
    ),
    Text("lora.adapter stays as it is", "lora.adapter는 그대로 쓰입니다"),
    Text("all weights train, no adapter", "어댑터가 아니라 모든 가중치를 학습합니다"),
    Text(
        "{source}: training.max_steps decides when trials end, and training.epochs nothing; leave one out",
        "{source}: training.max_steps가 학습이 끝나는 때를 정하므로 training.epochs는 쓰이지 않습니다. 하나는 빼세요",
    ),
    Text(
        "{place}: {name} = {value}: high can't be reached from low in whole steps",
        "{place}: {name} = {value}: low에서 step씩 올려 high에 닿을 수 없습니다",
    ),
    Text(
        "{place}: {name} = {value}: log must be true or false, and needs low above 0 and no step",
        "{place}: {name} = {value}: log는 true나 false여야 하고, low가 0보다 크고 step이 없어야 합니다",
    ),
    Text(
        "{place}: {name} = {value}: {setting} takes whole numbers only; give low and high as such",
        "{place}: {name} = {value}: {setting}에는 정수만 쓸 수 있습니다. low와 high를 정수로 적으세요",
    ),
    Text(
        "{place}: {name} = {value}: give choices, as [8, 16], or a range, as {example}",
        "{place}: {name} = {value}: [8, 16]처럼 값을 나열하거나 {example}처럼 범위를 적어 주세요",
    ),
    Text(
        "this machine's card is not known to the planner; run yoyak plan --calibrate",
        "이 GPU를 예측할 자료가 없습니다. yoyak plan --calibrate를 실행하세요",
    ),
    Text(
        "{source}: all of its dialogues are in data.eval too, on which trials are chosen; name another file with "
        "data.test, or set data.test=null for a part of data.eval to be set aside",
        "{source}: 대화가 모두 data.eval에도 있어 선택에 쓰입니다. data.test에 다른 파일을 지정하거나, "
        "data.test=null로 두어 data.eval의 일부를 따로 떼어 두세요",
    ),
    Text(
        "{source}: {over} of {all} dialogues are in data.eval too; the score at the end leaves them out",
        "{source}: 대화 {all}개 중 {over}개가 data.eval에도 있어 마지막 점수에서 뺍니다",
    ),
    Text("{place}: nothing is left to search; {form}", "{place}: 탐색할 설정이 없습니다. {form:t}"),
    Text(
        "{place}: {name} can't be searched: trials would not be alike; leave it out",
        "{place}: {name:은/는} 시도마다 조건이 달라져 탐색할 수 없습니다. 빼세요",
    ),
    Text(
        "give choices, as [8, 16], or a range, as {example}",
        "[8, 16]처럼 값을 나열하거나 {example}처럼 범위를 적어 주세요",
    ),
)
