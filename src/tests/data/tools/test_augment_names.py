from src.data.tools import augment_names as names
from src.data.tools.augment_particles import ending_of


def test_new_names_are_no_words_roles_or_titles():
    english = {*names.NEW_NAMES["en"], *names.NEW_SURNAMES["en"]}
    assert not english & {*names.ENGLISH_WORD_NAMES, *names.ENGLISH_ROLES, *names.ENGLISH_TITLES}
    assert not {*names.NEW_NAMES["ko"]} & names.KOREAN_WORD_NAMES


def test_no_new_name_twice_or_within_another():
    for pool in (*names.NEW_NAMES.values(), *names.NEW_SURNAMES.values()):
        assert [(a, b) for a in pool for b in pool if a is not b and a.lower() in b.lower()] == []


def test_there_are_korean_names_of_both_endings_and_surnames_that_are_known():
    endings = [ending_of(name) for name in names.NEW_NAMES["ko"]]
    assert min(endings.count("vowel"), endings.count("consonant")) >= 12
    assert {*names.NEW_SURNAMES["ko"]} <= names.KOREAN_SURNAMES
    assert not {*names.NEW_NAMES["ko"]} & {*names.LONG_KOREAN_SURNAMES}
