"""What all tests share: no network, Triton's interpreter where there is no GPU, and an end for what never ends."""

import functools
import gc
import os
import shutil
import signal
import sys

import pytest

from src.tests.chromium import CHROMIUM

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's package is imported; a name would be asked for 46 s long
os.environ["LC_ALL"] = "C.UTF-8"  # in a Korean locale commands speak Korean
if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")  # likewise
# A script's shell has a command in the background ignore SIGINT, and what tests start and interrupt would do so too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
_frozen: set[str] = set()  # names of modules whose objects no search for garbage sees


def pytest_addoption(parser, pluginmanager):
    """Know pyproject's limits where pytest-timeout isn't installed (a GPU host without network); they rest there."""
    if not pluginmanager.hasplugin("timeout"):
        parser.addini("timeout", "without effect: pytest-timeout is not installed")
        parser.addini("timeout_method", "without effect: pytest-timeout is not installed")


def pytest_collection_modifyitems(items):
    """Give tests that take minutes an hour, where they name no limit of their own."""
    for item in items:
        long = item.get_closest_marker("slow") or item.get_closest_marker("long") or item.get_closest_marker("gpu")
        if long and item.config.pluginmanager.hasplugin("timeout") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3600))


def pytest_collection_finish():
    """Leave what imports have made out of every search for garbage: a training makes one, in a third of its time."""
    gc.collect()
    gc.freeze()
    _frozen.update(sys.modules)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """Likewise of what a test has imported: torch's compiler comes with the first training."""
    if len(sys.modules) > len(_frozen):
        gc.collect()
        gc.freeze()
        _frozen.update(sys.modules)


@pytest.fixture(autouse=True, scope="session")
def _memory_is_given_back():
    """What malloc would keep of one test is room beyond another's memory limit; `test_cpu_memory` tests the keeping."""
    from src.models import lora_loader  # not before the switch above

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lora_loader, "keep_freed_memory", lambda: True)
        yield


@pytest.fixture(autouse=True, scope="session")
def _float32_is_the_faster_type():
    """Results of tests don't depend on the processor, of which some multiply faster in bf16.

    A process that a test starts measures it: where its results are compared, `model.dtype=fp32` is set.
    """
    from src.models import compute

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compute, "cpu_product_rates", lambda: {"fp32": 30.0, "bf16": 5.0})
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_absent_device_is_seeded():
    """Each seeding would keep the stack as text for devices that may begin later: 3 ms deep within pytest."""
    import torch  # not before the switch above

    with pytest.MonkeyPatch.context() as patch:
        for device in (torch.cuda, torch.xpu, torch.mtia):
            if not device.is_available():
                patch.setattr(device, "manual_seed_all", lambda seed: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _nothing_waits_for_the_disk():
    """No test cuts the power; what is written would be waited for thousands of times, 2 ms each on a fast disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _nobody_is_beside_us():
    """A training would look for 0.2 s who else uses the cores, and say so; `test_busy_cores` tests the look."""
    from src.commands.train import busy_cores  # not before the switch above

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(busy_cores, "busy_cores", lambda cores: 0.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def _templates_are_compiled_once():
    """PEFT writes a card beside each adapter: its template would be compiled in a tenth of a tiny training's time."""
    from jinja2 import Environment

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", functools.lru_cache(maxsize=64)(Environment.compile))
        yield


@pytest.fixture(scope="module")
def browser():
    """Chromium, for pages that are looked at in it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()
