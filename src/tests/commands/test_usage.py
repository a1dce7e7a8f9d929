"""Errors of use, without what may be a secret."""

import pytest

from src.cli import main
from src.commands.usage import may_be_secret


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "-e", "x", "--hf_token=hf_abcdefghijklmnopqrstuvwxyz012345"], "No such option: --hf_token "),
        (["train", "-e", "x", "--tokensecret123456"], "No such option: --to... "),
        (["train", "-e", "x", "--epohcs", "3"], "No such option: --epohcs "),
        (["models", "fetch", "a", "hunter2hunter2"], "Got unexpected extra argument(s) (hunt...) "),
        (["hunter2hunter2"], "No such command 'hunt...'. "),
        (["--hunter2hunter2"], "No such option: --hu... "),
        (["serve", "--port", "hunter2hunter2"], "Invalid value for '--port'"),
        (["evalaute"], "No such command 'evalaute'"),
    ],
)
def test_a_word_that_may_be_a_secret_is_not_repeated(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    out, err = capsys.readouterr()
    assert stop.value.code == 2
    assert said in err
    assert "hunter2hunter2" not in out + err
    assert "secret123456" not in out + err
    assert "hf_abc" not in out + err


def test_which_words_may_be_secrets() -> None:
    secret = ["tokensecret123456", "--hunter2hunter2", "S3cret!S3cret", "0123456789abcdef"]
    plain = ["--epochs", "configs/x1/y2.yaml", "llama_3.2_3b_tuned", "A: hello 123456789", "short1", "12345678901234"]
    assert [word for word in secret + plain if may_be_secret(word)] == secret
