"""The pictures of the documentation are those that `make screenshots` takes."""

import re

from console_pictures import FOLDER, PICTURES

from support.repository import DOCS


def test_every_picture_is_taken_and_shown() -> None:
    shown = {
        name
        for page in DOCS.rglob("*.md")
        for name in re.findall(r"images/console/([\w-]+)\.png", page.read_text("utf-8"))
    }
    taken = [one.name for one in PICTURES]
    assert len(taken) == len(set(taken))
    assert sorted(taken) == sorted(shown) == sorted(path.stem for path in FOLDER.glob("*.png"))
