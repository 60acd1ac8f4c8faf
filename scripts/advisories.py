"""Hold the constraints files against known security advisories, without a network.

    python scripts/advisories.py                    the check; exit status 1 if a version is affected
    python scripts/advisories.py --refresh all.zip  replace the list by a download of OSV's

OSV collects the advisories of the Python ecosystem and publishes all of them as one file, `PyPI/all.zip`, in its bucket
`osv-vulnerabilities` (https://google.github.io/osv.dev/data/). The list keeps those of the packages that the
constraints files name. The check prints the day of the list and how old it is.
"""

import argparse
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "scripts" / "advisories.json"
CONSTRAINTS = (ROOT / "constraints.txt", ROOT / "constraints-demo.txt")
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\\n]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AffectedVersion:
    """A pinned version to which an advisory applies."""

    package: str
    version: str
    advisory: str
    summary: str
    fixed: str
    """The first version without the fault; empty if there is none."""


def pinned_versions(files: Sequence[Path] = CONSTRAINTS) -> dict[str, set[str]]:
    """The versions of each package that constraints files name."""
    versions: dict[str, set[str]] = {}
    for file in files:
        for name, version in _PINNED.findall(file.read_text("utf-8")):
            versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def affected_versions(
    pinned: Mapping[str, set[str]], advisories: Sequence[Mapping[str, Any]]
) -> Iterator[AffectedVersion]:
    """The pinned versions that advisories name."""
    for advisory in advisories:
        for version in sorted(pinned.get(advisory["package"], ())):
            for span in advisory["ranges"]:
                if _within(version, span):
                    names = ", ".join((advisory["id"], *advisory["aliases"]))
                    summary = advisory["summary"]
                    yield AffectedVersion(advisory["package"], version, names, summary, span.get("fixed", ""))
                    break


def _within(version: str, span: Mapping[str, str]) -> bool:
    """Whether a range of OSV has a version: from `introduced`, before `fixed` or up to `last_affected`."""
    if "version" in span:
        return Version(version) == Version(span["version"])
    if span["introduced"] != "0" and Version(version) < Version(span["introduced"]):
        return False
    if "fixed" in span:
        return Version(version) < Version(span["fixed"])
    return "last_affected" not in span or Version(version) <= Version(span["last_affected"])


def collected(archive: Path, packages: Mapping[str, object]) -> list[dict[str, Any]]:
    """The advisories for these packages in a file of OSV, in a form that changes little from day to day."""
    advisories = []
    with zipfile.ZipFile(archive) as files:
        for name in sorted(files.namelist()):
            record = json.loads(files.read(name))
            if "withdrawn" in record:
                continue
            for affected in record.get("affected", ()):
                package = canonicalize_name(affected["package"]["name"])
                if affected["package"]["ecosystem"] == "PyPI" and package in packages:
                    summary = record.get("summary") or record.get("details", "").partition("\n")[0]
                    advisories.append(
                        {
                            "package": package,
                            "id": record["id"],
                            "aliases": sorted(record.get("aliases", ())),
                            "summary": summary[:120],
                            "ranges": list(_spans(affected)),
                        }
                    )
    return sorted(advisories, key=lambda advisory: (advisory["package"], advisory["id"]))


def _spans(affected: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The ranges of versions, each with its first version; or the versions alone, if there are no ranges."""
    ranges = [span for span in affected.get("ranges", ()) if span["type"] == "ECOSYSTEM"]
    for listed in ranges:
        span: dict[str, str] = {}
        for event in listed["events"]:
            if "introduced" in event:
                if span:
                    yield span
                span = {"introduced": event["introduced"]}
            else:
                span |= {name: event[name] for name in ("fixed", "last_affected") if name in event}
        if span:
            yield span
    if not ranges:
        yield from ({"version": version} for version in affected.get("versions", ()))


def main(arguments: Sequence[str] | None = None, *, today: date | None = None) -> int:
    """Check or refresh; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refresh", metavar="ZIP", type=Path, help="the advisories of the Python ecosystem by OSV")
    archive = parser.parse_args(arguments).refresh
    today, pinned = today or datetime.now(UTC).date(), pinned_versions()
    if archive is not None:
        listed = {"date": today.isoformat(), "source": "OSV, PyPI/all.zip", "complete": True}
        LIST.write_text(json.dumps({**listed, "advisories": collected(archive, pinned)}, indent=1) + "\n", "utf-8")
    held = json.loads(LIST.read_text("utf-8"))
    affected = list(affected_versions(pinned, held["advisories"]))
    for version in affected:
        way_out = f"fixed in {version.fixed}" if version.fixed else "no version is without it"
        print(f"{version.package} {version.version}: {version.advisory}, {way_out}. {version.summary}", file=sys.stderr)
    age = (today - date.fromisoformat(held["date"])).days
    part = "" if held["complete"] else ", which was collected by hand and is not complete"
    count = f"{len(held['advisories'])} advisories of {held['date']} ({age} days old){part}"
    print(f"{len(affected)} of {len(pinned)} pinned packages are affected by the list of {count}.")
    return 1 if affected else 0


if __name__ == "__main__":
    sys.exit(main())
