"""The tokenizations that can be used here: `mecab` is an extra."""

from importlib.util import find_spec

from src.evaluation.tokenizations import TOKENIZATIONS

INSTALLED = [name for name in TOKENIZATIONS if name != "mecab" or find_spec("mecab")]
