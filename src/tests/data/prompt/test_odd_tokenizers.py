"""Tokenizers as sentencepiece and BERT make them: all text is kept, ids are those of the whole rendered text."""

import re

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from src.data.prompt.plain_text import plain_text
from src.data.prompt.round_trip import PROBES, UnfitTokenizerError
from src.data.prompt.templates import create_prompt_template
from src.data.prompt.text_encoder import text_encoder
from src.inference.decoding import summary_text
from src.serving.text import TextStream
from src.tests.odd_tokenizers import ODD_KINDS, odd_tokenizer
from src.tests.real_tokenizers import shared_tokenizer, smollm2_tokenizer, tiny_tokenizer

DIALOGUE = "#Person1#: the  3\n\n\n#Person2#: 네, <table>\t요 '1' , x\u0301\n    t"
SUMMARY = "They  talk.\n요약"
TEXTS = {"system": "", "instruction": "I"}


def tokens(tokenizer, ids):
    return tokenizer.convert_ids_to_tokens(ids)


class TestWholeText:
    """Ids of an example and those of its text, written out whole and given to the tokenizer itself."""

    @pytest.mark.parametrize("kind", ODD_KINDS)
    def test_own_template(self, kind):
        tokenizer = odd_tokenizer(kind)
        template = create_prompt_template(tokenizer, format_type="chat", chat_template="auto", **TEXTS)
        example = template.encode_example(DIALOGUE, SUMMARY)
        messages = [{"role": "user", "content": f"I\n{DIALOGUE}"}, {"role": "assistant", "content": SUMMARY}]
        whole = tokenizer.apply_chat_template(messages, tokenize=False).removesuffix("\n")
        assert example.input_ids == tokenizer(whole, add_special_tokens=False).input_ids
        assert example.input_ids[: example.prompt_length] == template.encode_prompt(DIALOGUE)
        assert tokenizer.decode(example.input_ids[example.prompt_length : -1]).strip() == SUMMARY

    @pytest.mark.parametrize("adds_bos", [True, False])
    @pytest.mark.parametrize("kind", ODD_KINDS)
    def test_instruction(self, kind, adds_bos):
        """A tokenizer that puts a BOS before a text does so here, although it knows ChatML's tokens."""
        tokenizer = odd_tokenizer(kind, adds_bos)
        template = create_prompt_template(tokenizer, **TEXTS)
        whole = f"### Instruction:\nI\n\n### Input:\n{DIALOGUE}\n\n### Response:\n{SUMMARY}</s>"
        ids = template.encode_example(DIALOGUE, SUMMARY).input_ids
        assert ids == tokenizer(whole).input_ids
        assert ids.count(tokenizer.bos_token_id) == adds_bos
        written = (
            template.before + DIALOGUE + template.after + template.answer_lead + SUMMARY + "</s>"
        )  # as exports render it
        assert tokenizer(written, add_special_tokens=False).input_ids == ids

    @pytest.mark.parametrize("kind", [kind for kind in ODD_KINDS if kind != "gemma"])
    def test_chatml_has_no_bos(self, kind):
        tokenizer = odd_tokenizer(kind)
        template = create_prompt_template(tokenizer, format_type="chat", chat_template="qwen", **TEXTS)
        whole = f"<|im_start|>user\nI\n{DIALOGUE}<|im_end|>\n<|im_start|>assistant\n{SUMMARY}<|im_end|>"
        ids = template.encode_example(DIALOGUE, SUMMARY).input_ids
        assert ids == tokenizer(whole, add_special_tokens=False).input_ids


def test_gemmas_newlines_and_tables_are_text():
    """Trap 39, literally: newlines, runs of spaces and tables have ids of their own, which text keeps."""
    tokenizer = odd_tokenizer("gemma")
    encoder = text_encoder(tokenizer)
    assert tokens(tokenizer, encoder.encode("a\nb\n\nc\n\n\nd  e<table>")) == [
        "a", "\n", "b", "\n\n", "c", "\n\n", "\n", "d", "▁▁", "e", "<table>",
    ]  # fmt: skip
    assert set(encoder.controls) == {
        "<pad>", "</s>", "<s>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<unused12>",
    }  # fmt: skip


def test_a_space_before_the_first_text_only():
    tokenizer = odd_tokenizer("first")
    template = create_prompt_template(tokenizer, format_type="chat", chat_template="qwen", **TEXTS)
    ids = template.encode_example("a", "b").input_ids
    assert "".join(tokens(tokenizer, ids)) == (
        "<|im_start|>user<0x0A>I<0x0A>a<|im_end|><0x0A><|im_start|>assistant<0x0A>b<|im_end|>"
    )
    instruction = create_prompt_template(tokenizer, **TEXTS).encode_example("a", "b").input_ids
    assert "".join(tokens(tokenizer, instruction)).replace("<0x0A>", "\n") == (
        "<s>▁###▁Instruction:\nI\n\n###▁Input:\na\n\n###▁Response:\nb</s>"
    )


def test_a_space_that_goes_with_the_summarys_first_word():
    """A template with a space before the answer: the prompt ends before it, and the summary's first token has it."""
    tokenizer = odd_tokenizer("first")
    template = create_prompt_template(tokenizer, format_type="chat", chat_template="auto", **TEXTS)
    example = template.encode_example("a", "the")
    assert tokens(tokenizer, example.input_ids[example.prompt_length - 1 :]) == ["[/INST]", "▁t", "h", "e", "</s>"]
    assert template.after + template.answer_lead == " [/INST] "


class TestControlTokens:
    def test_of_the_real_ones(self):
        """All of Qwen's, special or not, and all of Llama's."""
        for name in ("llama3", "qwen3"):
            tokenizer = shared_tokenizer(name)
            assert {t: c.id for t, c in text_encoder(tokenizer).controls.items()} == tokenizer.get_added_vocab()
        assert set(text_encoder(smollm2_tokenizer()).controls) == set(smollm2_tokenizer().get_added_vocab())

    def test_added_words_and_runs_of_spaces_keep_their_ids_and_added_markup_stays_text(self):
        """As GPT-NeoX has runs of spaces behind its vocabulary, and as people add words of their trade."""
        tokenizer = tiny_tokenizer("plain")
        tokenizer.add_tokens(["<tag>", "   ", "요양급여", AddedToken("right ", rstrip=True)])  # 261 to 264
        encoder = text_encoder(tokenizer)
        assert encoder.encode("a   b요양급여") == [97, 262, 98, 263] == tokenizer("a   b요양급여").input_ids
        assert encoder.encode("<tag>") == [*b"<tag>"]
        assert encoder.encode("right   a") == [264, 32, 32, 97]  # the tokenizer itself would lose the spaces

    def test_markup_of_the_vocabulary_is_text_until_the_template_names_it(self):
        tokenizer = odd_tokenizer("gemma")
        tokenizer.chat_template = tokenizer.chat_template.replace("\n{{", "\n<table>{{")
        encoder = text_encoder(tokenizer)
        assert tokens(tokenizer, encoder.encode("<table></table>")) == [*"<table>", "</table>"]

    def test_white_space_that_a_tokenizer_calls_special_is_text_all_the_same(self):
        tokenizer = tiny_tokenizer("plain")
        tokenizer.add_special_tokens({"extra_special_tokens": ["\n\n\n"]})
        ids = text_encoder(tokenizer).encode("a\n\n\nb")
        assert ids == [97, 261, 98]
        assert summary_text(tokenizer, [*ids, 260]) == "a\n\n\nb"


@pytest.mark.parametrize("kind", ODD_KINDS)
def test_generated_text_comes_back_whole_and_piece_by_piece(kind):
    tokenizer = odd_tokenizer(kind)
    template = create_prompt_template(tokenizer, format_type="chat", chat_template="auto", **TEXTS)
    for text in (SUMMARY, *PROBES):
        example = template.encode_example("a", text)
        ids = example.input_ids[example.prompt_length :]
        stream = TextStream(tokenizer, template.end_id)
        pieces = [stream.piece(ids[:count], count == len(ids)) for count in range(1, len(ids) + 1)]
        assert "".join(pieces) == plain_text(text)


def lossy(normalizer=None, pre_tokenizer=None, decoder=None, kind="plain"):
    tokenizer = tiny_tokenizer(kind)
    backend = tokenizer.backend_tokenizer
    if normalizer:
        backend.normalizer = normalizer
    if pre_tokenizer:
        backend.pre_tokenizer = pre_tokenizer
    if decoder:
        backend.decoder = decoder
    return tokenizer


def bert():
    pieces = ["[UNK]", "[CLS]", "[SEP]", *map(chr, range(33, 127)), *(f"##{chr(c)}" for c in range(33, 127))]
    backend = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", eos_token="[SEP]")


class TestRefusals:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: lossy(normalizers.Lowercase()), "(it makes capitals small): '#Person1#: Hello, how ar' becomes"),
            (
                lambda: lossy(normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])),
                "(it drops accents): 'cafe\\u0301 na",
            ),
            (lambda: lossy(normalizers.Replace("\n", " ")), "(it changes white space): 'are you?\\n#Person2#"),
            (lambda: lossy(normalizers.Replace("\t", " ")), "(it changes white space): 'ndented\\n\\tby a tab"),
            (
                lambda: lossy(pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit()])),
                "does not give text back",
            ),
            (bert, "becomes '# person1 # : hello"),
        ],
    )
    def test_a_tokenizer_that_loses_text(self, make, message):
        message = message.replace("cafe\\u0301", "café")
        with pytest.raises(UnfitTokenizerError, match=re.escape(message)):
            create_prompt_template(make())

    def test_compatible_forms_are_a_note(self):
        assert text_encoder(lossy(normalizers.NFC())).note is None
        note = text_encoder(lossy(normalizers.NFKC())).note
        assert note == (
            "The tokenizer writes some characters in another form (NFKC): '① ½ ＡＢ ㅋㅋ …' as '1 1⁄2 AB ᄏᄏ ...'"
        )

    def test_a_token_that_spans_prompt_and_summary(self):
        """Where the tokenizer itself would read the border otherwise, the prompt can't be right in both."""
        backend = Tokenizer.from_str(tiny_tokenizer("plain").backend_tokenizer.to_str())
        backend.add_tokens([AddedToken("a\n\n#", normalized=False)])
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
        create_prompt_template(tokenizer, instruction="I")
        backend.add_tokens([AddedToken(":\n#P", normalized=False)])
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
        with pytest.raises(UnfitTokenizerError, match="tokens are not those of its whole text"):
            create_prompt_template(tokenizer, instruction="I")


def test_what_is_known_of_a_tokenizer_is_found_once(monkeypatch):
    import src.data.prompt.text_encoder as module

    tokenizer, tried = tiny_tokenizer("chatml"), []
    monkeypatch.setattr(module, "refuse_lossy", lambda encoder, backend: tried.append(encoder))
    first = text_encoder(tokenizer)
    assert text_encoder(tokenizer) is first
    tokenizer.add_tokens(["<tool>"])
    assert "<tool>" in text_encoder(tokenizer).controls
    assert len(tried) == 2
