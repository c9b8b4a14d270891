"""What is left of a data folder when a removal is killed: nothing that is taken for data."""

import shutil
from pathlib import Path

import pytest

from standalone import removal


class Killed(BaseException):
    """In the place of a signal that no program survives."""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in removal.KEPT:
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").write_text("old")
    return tmp_path


def names(base: Path) -> set[str]:
    return {each.name for each in base.iterdir()}


def test_all_that_is_kept_is_removed_and_nothing_else(base: Path) -> None:
    (base / "log").write_text("told")
    removal.remove(base)
    assert names(base) == {"log"}


def test_what_a_link_leads_to_stays(base: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.rmtree(base / "valkey")
    (base / "valkey").symlink_to(elsewhere)
    removal.remove(base)
    assert names(base) == set()
    assert elsewhere.is_dir()


def test_a_removal_is_finished_also_where_a_link_to_nothing_alone_tells_of_it(base: Path) -> None:
    shutil.rmtree(base / "postgres")
    (base / f"postgres{removal.SUFFIX}").symlink_to(base / "nothing")
    removal.finish(base)
    assert names(base) == set()


def test_without_a_removal_before_nothing_is_to_be_finished(base: Path) -> None:
    removal.finish(base)
    assert names(base) == set(removal.KEPT)


def test_what_has_both_names_is_no_obstacle(base: Path) -> None:
    shutil.copytree(base / "postgres", base / f"postgres{removal.SUFFIX}")
    removal.finish(base)
    assert names(base) == {"postgres"}


@pytest.mark.parametrize("step", ["the second name", "the deletion", "the second deletion"])
def test_a_removal_that_was_killed_is_finished(
    base: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    place: object = Path if step == "the second name" else shutil
    name = "rename" if place is Path else "rmtree"
    left = [None] * step.count("second")  # calls that are let through
    real = getattr(place, name)

    def killed(*arguments: object) -> object:
        if not left:
            raise Killed
        left.pop()
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(place, name, killed)
        with pytest.raises(Killed):
            removal.remove(base)
    assert names(base)
    removal.finish(base)
    assert names(base) == set()
