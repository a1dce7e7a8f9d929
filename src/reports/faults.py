"""What went wrong in a run's training and was mended, in words."""

from ..bilingual import Text, count
from ..runs.outcomes import Faults
from .markup import Html, notes

_KINDS = {"training": "학습", "evaluation": "평가", "generation": "생성"}


def faults_section(faults: Faults | None) -> Html:
    """Return notes below the curves; empty where nothing was recorded."""
    if faults is None:
        return Html("")
    none = Text("No step was left out, and the memory was enough.", "건너뛴 스텝이 없고 메모리도 충분했습니다.")
    return notes(*(fault_sentences(faults) or [none]))


def fault_sentences(faults: Faults) -> list[Text]:
    """Return a sentence for each kind of fault that there was."""
    sentences = []
    if faults.bad_steps:
        left_out = count(faults.bad_steps, "step was", "steps were")
        korean = f"손실이나 그래디언트가 수가 아니어서 스텝 {faults.bad_steps:,}개를 건너뛰었습니다."
        sentences.append(Text(f"{left_out} left out: loss or gradient was not a number.", korean))
    if faults.rollbacks:
        english = f"Went back to an earlier checkpoint {count(faults.rollbacks, 'time')}: the loss ran away."
        korean = f"손실이 갑자기 커져서 앞선 체크포인트로 {faults.rollbacks:,}번 되돌아갔습니다."
        sentences.append(Text(english, korean))
    for kind, korean_kind in _KINDS.items():
        found = getattr(faults, f"out_of_memory_in_{kind}")
        if found and found.count:
            english = f"Memory ran out {count(found.count, 'time')} in {kind}"
            korean = f"{korean_kind} 중에 메모리가 {found.count:,}번 부족했습니다"
            if size := found.size:
                english += f"; since then {size} at a time"
                korean += f". 그 뒤로는 한 번에 {size.ko}씩입니다"
            sentences.append(Text(f"{english}.", f"{korean}."))
    return sentences
