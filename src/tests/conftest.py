"""Without a GPU, Triton's kernels run in its interpreter; Triton reads the switch when it is first imported."""

import os
import shutil

import pytest

from src.tests.chromium import CHROMIUM

if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(autouse=True, scope="session")
def _memory_is_given_back():
    """What malloc would keep of one test is room beyond another's memory limit; `test_cpu_memory` tests the keeping."""
    from src.models import lora_loader  # not before the switch above

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lora_loader, "keep_freed_memory", lambda: True)
        yield


@pytest.fixture(autouse=True, scope="session")
def _float32_is_the_faster_type():
    """Results of tests don't depend on the processor, of which some multiply faster in bf16."""
    from src.models import compute

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compute, "cpu_product_rates", lambda: {"fp32": 30.0, "bf16": 5.0})
        yield


@pytest.fixture(scope="module")
def browser():
    """Chromium, for pages that are looked at in it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()
