import re
import subprocess
import sys

import pytest
from card_application import StandInRouter, card_application
from litestar.testing import TestClient


@pytest.fixture(scope="module")
def client() -> TestClient:  # type: ignore[type-arg]
    return TestClient(card_application(StandInRouter()))


def test_page_and_its_files_come_from_here(client: TestClient) -> None:  # type: ignore[type-arg]
    page = client.get("/docs")
    assert page.status_code == 200
    assert "https:" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) == 4
    for file in files:
        assert file.startswith("/docs/")
        assert client.get(file).status_code == 200


def test_schema_is_openapi_3_1_of_the_api_alone(client: TestClient) -> None:  # type: ignore[type-arg]
    schema = client.get("/docs/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert set(schema["paths"]) == {"/choose", "/update"}


def test_swagger_ui_reads_openapi_3_1() -> None:
    from armlift.serving.api_docs import _swagger_files

    version = (_swagger_files() / "VERSION").read_text().strip()
    assert int(version.lstrip("v").split(".")[0]) >= 5


def test_only_the_files_of_the_package_are_used() -> None:
    code = "import armlift.serving.api_docs as a, sys; a._swagger_files(); sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
