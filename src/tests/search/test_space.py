"""What is searched, from a config's method and its `search.space`."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from src.config.loader import changed_config, load_config
from src.errors import YoyakError
from src.search.space import decoded, own_params, search_space


def space_of(space, *overrides, experiment="quickstart"):
    return search_space(
        changed_config(load_config(experiment, overrides), {"search.space": space}, "x.yaml:3"), "x.yaml:3"
    )


def test_each_method_has_ranges_of_its_own():
    lora = space_of({})
    assert lora["training.learning_rate"] == FloatDistribution(1e-4, 4e-3, log=True)
    assert lora["lora.r"] == CategoricalDistribution([8, 16, 32, 64])
    full = space_of({}, "lora.use_lora=false", "lora.use_qlora=false")
    assert full["training.learning_rate"] == FloatDistribution(3e-6, 3e-4, log=True)
    assert [name for name in full if name.startswith("lora.")] == []


def test_ranges_are_added_replaced_and_taken_out():
    space = space_of(
        {
            "lora.r": {"low": 4, "high": 16, "step": 4},
            "training.epochs": {"low": 1, "high": 3},
            "training.weight_decay": {"low": 0.1, "high": 0.4, "step": 0.1},  # thrice, in decimals only
            "lora.target_modules": [["q_proj"], ["q_proj", "v_proj"]],
            "lora.dropout": None,
        }
    )
    assert space["lora.r"] == IntDistribution(4, 16, step=4)
    assert space["training.epochs"] == FloatDistribution(1, 3)  # a number of them may be broken
    assert space["training.weight_decay"] == FloatDistribution(0.1, 0.4, step=0.1)
    assert space["lora.target_modules"].choices == ('["q_proj"]', '["q_proj", "v_proj"]')
    assert "lora.dropout" not in space
    assert decoded({"lora.target_modules": '["q_proj"]', "lora.r": 8}) == {
        "lora.target_modules": ["q_proj"],
        "lora.r": 8,
    }


@pytest.mark.parametrize(
    ("space", "line"),
    [
        ({"lora.rank": [8]}, "x.yaml:3: unknown key 'lora.rank'; did you mean 'lora.r'?"),
        ({"lora.rank": None}, "x.yaml:3: unknown key 'lora.rank'; did you mean 'lora.r'?"),
        ({"training.epochs": {"low": 1, "high": 6, "step": 2}}, "high can't be reached from low in whole steps"),
        ({"training.weight_decay": {"low": 0.1, "high": 0.25, "step": 0.1}}, "high can't be reached"),
        ({"lora.r": [8, 0]}, "x.yaml:3: lora.r = 0: must be a whole number of at least 1"),
        ({"lora.dropout": {"low": 0, "high": 1}}, "lora.dropout = 1: must be a number of at least 0 and below 1"),
        ({"lora.r": {"low": 4.5, "high": 16}}, "x.yaml:3: lora.r = 4.5: must be a whole number of at least 1"),
        ({"training.epochs": {"low": 3, "high": 1}}, "low must be a number below high"),
        ({"training.epochs": {"low": 0.5, "high": 1, "log": 3}}, "log must be true or false"),
        ({"training.weight_decay": {"low": 0, "high": 1, "log": True}}, "needs low above 0"),
        ({"training.epochs": 3}, "give choices, as [8, 16], or a range"),
        ({"training.epochs": []}, "give choices, as [8, 16], or a range"),
        ({"training.epochs": {"low": 1, "hihg": 3}}, "give choices, as [8, 16], or a range"),
        ({"evaluation.stemmer": [True, False]}, "evaluation.stemmer can't be searched"),
        ({"generation.num_beams": [1, 2], "lora.r": {"low": 4, "high": 8, "step": 0}}, "x.yaml:3: lora.r = "),
    ],
)  # fmt: skip
def test_what_a_setting_refuses_is_refused(space, line):
    with pytest.raises(YoyakError) as error:
        space_of(space)
    assert line in str(error.value)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("steps", [None, [50, None], [50, 100], {"low": 50, "high": 100}])
def test_epochs_are_searched_where_they_decide(steps):
    space = {"training.max_steps": steps}
    assert ("training.epochs" in space_of(space)) == (steps in (None, [50, None]))
    assert ("training.epochs" in space_of(space, "training.max_steps=9")) == (steps == [50, None])


def test_epochs_that_decide_nothing_are_refused():
    line = "x.yaml:3: training.max_steps decides when trials end, and training.epochs nothing; leave one out"
    with pytest.raises(YoyakError, match=line):
        space_of({"training.epochs": [1, 2]}, "training.max_steps=9")
    assert "training.epochs" not in space_of({"training.epochs": None}, "training.max_steps=9")


@pytest.mark.parametrize(
    ("settings", "why"),
    [(("lora.adapter=a",), "lora.adapter stays as it is"), (("lora.use_lora=false",), "all weights train, no adapter")],
)
def test_settings_of_no_new_adapter_decide_nothing(settings, why):
    assert not [name for name in space_of({}, *settings) if name.startswith("lora.")]
    with pytest.raises(YoyakError, match=f"x.yaml:3: lora.alpha decides nothing: {why}; leave it out"):
        space_of({"lora.alpha": [8, 16]}, *settings)
    assert "lora.alpha" in space_of({"lora.alpha": [8, 16], "lora.use_lora": [True, False]}, *settings)


def test_nothing_to_search():
    names = space_of({})
    with pytest.raises(YoyakError, match="nothing is left to search"):
        space_of(dict.fromkeys(names))


def test_a_configs_own_place():
    config = load_config("quickstart")
    found = own_params(config, search_space(config))
    assert found is not None
    assert found["lora.r"] == 16
    assert found["training.learning_rate"] == 1e-3
    assert own_params(load_config("quickstart", ["training.learning_rate=2e-5"]), search_space(config)) is None
    assert own_params(load_config("quickstart", ["lora.r=24"]), search_space(config)) is None
