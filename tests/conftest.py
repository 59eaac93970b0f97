"""What tests of several folders use: programs at work, pages in a browser without a network, a model of no use."""

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

# A suite that was started in the background ignores interrupts, and so would every program that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Folders of tests, and modules, that take longest. They begin first, so that what is left at the end is short.
LONGEST = ("workflow", "slurm", "simulate", "packaging", "sampling", "model", "test_api.py")


def folder_of(nodeid):
    """The folder of tests, or the module beside the folders, that a test is in."""
    return nodeid.removeprefix("tests/").partition("::")[0].partition("/")[0]


def pytest_collection_modifyitems(items):
    """The longest folders first."""
    order = {folder: place for place, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(folder_of(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Side by side (`make test`), a folder stays with one process: what its tests share is made once.

    Groups of pytest-xdist would say that too, but it finds none with this version of pytest.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return folder_of(nodeid)

    return ByFolder(config, log)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@dataclass
class Visit:
    """A page, the errors that it wrote on its console or threw, and what it asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def _visit(file: Path, flags: tuple[str, ...] = WEBGL, **options):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        page = browser.new_page(**options)
        page.context.set_offline(True)
        visit = Visit(page)
        page.on("console", lambda message: visit.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on("request", lambda request: visit.requests.append(request.url))
        page.goto(file.as_uri())
        yield visit
        browser.close()


@pytest.fixture(scope="session")
def visit():
    """`with visit(file, flags, viewport=...) as seen:` opens a file in Chromium; without one the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("no chromium: install it (apt-get install chromium) to test pages")
    return _visit


@pytest.fixture
def working():
    """`working(script, *arguments, **options)` starts Python, waits until the script prints `works`, and ends it with
    the test."""
    running = []

    def start(script, *arguments, **options):
        command = [sys.executable, "-c", script, *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        running.append(process)
        assert process.stdout.readline() == "works\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A denoiser that takes no time, and knows nothing."""
    # Here, since most folders of tests need no PyTorch.
    import torch

    from jamun.config.network import NetworkSettings
    from jamun.config.training import TrainingSettings
    from jamun.model.checkpoint import save_denoiser
    from jamun.model.denoiser import Denoiser

    torch.manual_seed(0)
    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=1, n_radial=8, radial_width=8)
    path = tmp_path_factory.mktemp("model") / "checkpoint.ckpt"
    save_denoiser(path, Denoiser(network, 0.3), network, TrainingSettings(), {})
    return path
