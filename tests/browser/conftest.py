"""A browser that reaches this machine alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dashboard_visits import ARGUMENTS
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()
