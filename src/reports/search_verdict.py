"""What a reader of a search's page needs first: who won and why, and what that is worth."""

from typing import Any

from ..bilingual import Text, count, joined, korean, particle
from ..evaluation.result import SCORE_NAMES
from .markup import Html, code, join, tag
from .wording import between, change

_Record = dict[str, Any]

_CHOSEN_ON = Text("dialogues that trials were chosen on", "선택에 쓴 대화")
_SET_ASIDE = Text("set-aside dialogues", "따로 둔 대화")
ADDITIONS = {
    "average": Text("mean of the weights", "가중치 평균"),
    "refine": Text("refining", "보상으로 다듬기"),
    "beams": Text("found with beams", "빔 탐색"),
    "mbr": Text("of several summaries the closest", "여러 요약 중 가장 가까운 것"),
}


def search_verdict(record: _Record) -> Html:
    """Return the sentences that a reader needs first."""
    chosen, objective = record["chosen"], SCORE_NAMES[record["objective"]]
    added = list(dict.fromkeys(ADDITIONS[line["kind"]] for line in kept_additions(record)))
    if chosen:
        lines = [Text(f"Trial {chosen} won.", f"시도 {chosen}{particle(str(chosen), '이', '가')} 선택되었습니다.")]
    elif added:
        lines = [Text("The config as it is won: no other settings are better.", "설정은 원래대로가 가장 좋습니다.")]
    else:
        lines = [Text("The config as it is won: nothing that was tried is better.", "원래 설정이 가장 좋습니다.")]
    if added:
        names = joined(added, ", ")
        lines.append(Text(f"What was added made it better: {names}.", f"여기에 더해 점수를 올린 것: {korean(names)}."))
    if (test := record["test"]) and test.get("gain"):
        gain, n, named_so = test["gain"], test["dialogues"], korean(objective)
        lines.append(
            Text(
                f"On {count(n, 'dialogue')} that nothing was chosen on its {objective} is {test['score']:.1f}, "
                f"{signed_change(gain)} against the config as it is.",
                f"선택에 쓰지 않은 대화 {n}개에서 {named_so}{particle(named_so, '은', '는')} "
                f"{test['score']:.1f}점으로, 원래 설정보다 {signed_change(gain).ko}입니다.",
            )
        )
    for part, which in (("dev", _CHOSEN_ON), ("test", _SET_ASIDE)):
        if known := (record[part] or {}).get("trained_on"):  # which an older version did not count
            n = record[part]["dialogues"]
            lines.append(
                Text(
                    f"{known} of the {n} {which} are in the training data too, so that the scores there are too good.",
                    f"{which.ko} {n}개 가운데 {known}개가 학습 데이터에도 있어 그 점수는 실제보다 높게 나옵니다.",
                )
            )
    lines += _equals(record)
    told = [_earlier(earlier)] if (earlier := record.get("earlier")) else []
    return tag("div", *(tag("p", line) for line in [*lines, *told]), class_="verdicts")


def _earlier(earlier: _Record) -> Html:
    """Return whether what an earlier end of the search had kept of additions stands."""
    if earlier["stands"]:
        found = Text(
            f"was kept at an earlier end of this search, and is better than what trial {earlier['instead']} came to.",
            f"앞서 탐색이 끝났을 때 남긴 것으로, 시도 {earlier['instead']}의 결과보다 낫습니다.",
        )
    else:
        score, why = f"{earlier['score']:.2f}", earlier["reason"]
        found = Text(
            f"({score}) was kept at an earlier end of this search, and no longer counts: {why}.",
            f"({score}) 앞서 탐색이 끝났을 때 남긴 것으로, 이제 쓰지 않습니다: {earlier.get('reason_ko', why)}.",
        )
    return join(code(earlier["label"]), " ", found)


def _equals(record: _Record) -> list[Text]:
    """Return which trials can't be told from the best one, and why they were not chosen."""
    place = record["equal"].index(record["chosen"])  # the cheapest come first
    cheaper, dearer = (", ".join(map(str, part)) for part in (record["equal"][:place], record["equal"][place + 1 :]))
    lines = []
    if dearer:
        lines.append(
            Text(
                f"Its score can't be told from those of {dearer}, which cost more.",
                f"시도 {dearer}{particle(dearer, '과', '와')} 점수를 구별할 수 없어 비용이 가장 적은 것을 골랐습니다.",
            )
        )
    if cheaper:
        lines.append(
            Text(
                f"Those of {cheaper}, which cost less, can't be told from the best one either, but are below that "
                "of the config as it is.",
                f"시도 {cheaper}{particle(cheaper, '은', '는')} 비용이 더 적고 가장 좋은 점수와 구별할 수 없지만, "
                "원래 설정보다 점수가 낮아 고르지 않았습니다.",
            )
        )
    return lines


def kept_additions(record: _Record) -> list[_Record]:
    """Return the additions that stand in the one model that is left: not a choice among several."""
    return [line for line in record["additions"] if line["kept"] and line["kind"] != "mbr"]


def signed_change(gain: _Record) -> Text:
    """Return a gain and its interval in points."""
    low, high = change(0, gain["low"], 1), change(0, gain["high"], 1)
    by = change(0, gain["difference"], 1)
    return joined([by, " (", between(low, high), ")"], "")
