"""Lines and tables of `yoyak compare`."""

from ...bilingual import Text

COMPARE_LINES = (
    Text("Settings that differ", "서로 다른 설정"),
    Text("Scores x100 ({how}) and 95% intervals", "점수 x100({how:t})과 95% 신뢰 구간"),
    Text("Cost", "비용"),
    Text("wall time", "걸린 시간"),
    Text("peak memory", "최대 메모리"),
    Text("tokens/s", "초당 토큰"),
    Text("examples/s", "초당 예시"),
    Text("{name} against {first}: {sentence}", "{name:과/와} {first} 비교: {sentence:t}"),
    Text("Page: {path}", "페이지: {path}"),
    Text("{name}: ROUGE sum {sums} ({change})", "{name}: ROUGE 합 {sums}({change})"),
)
