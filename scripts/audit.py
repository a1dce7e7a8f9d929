"""Known vulnerabilities of the pinned packages, dangerous patterns in the code, licences of what is installed with us.

Prints what it found and a line of JSON; exits 1 where there is a finding, 2 where a tool is missing.
"""

import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

# Licences under which a package may be used beside ours (Apache-2.0), by the start of their name in lower case.
ALLOWED = (
    "apache", "bsd", "mit", "isc", "python", "psf", "mozilla", "mpl", "zlib", "unlicense", "public domain", "0bsd",
    "3-clause bsd", "bsl-1", "cnri", "hpnd", "cc0", "lgpl", "gnu lesser", "gnu library", "licenseref-nvidia", "nvidia",
)  # fmt: skip
# Where a package's own fields don't say it in words that can be compared: what its licence file says.
SEEN = {
    "nvidia": "NVIDIA proprietary, free to use",
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a module's command line in the repository's root."""
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def vulnerabilities() -> dict[str, Any]:
    """Return packages of constraints.txt that were checked, and their known vulnerabilities; says so where offline."""
    done = run(
        "pip_audit", "-r", "constraints.txt", "--no-deps", "--disable-pip", "-f", "json", "--progress-spinner=off"
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, LookupError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"reached": False, "why": last[:200], "packages": 0, "findings": []}
    known = [package for package in packages if "vulns" in package]
    findings = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for package in known
        for found in package["vulns"]
    ]
    # Where a mirror stands for PyPI, pip-audit finds no package there, and still says that nothing is known.
    skipped = [package["name"] for package in packages if "vulns" not in package]
    why = f"{len(skipped)} packages not known there, such as {skipped[0]}" if skipped else ""
    return {"reached": bool(known), "why": why, "packages": len(known), "findings": findings}


def dangerous_code() -> dict[str, Any]:
    """Return lines of code that bandit read, what it found, and how many places are marked as looked at (nosec)."""
    done = run("bandit", "-q", "-r", "src", "scripts", "benchmarks", "-c", "pyproject.toml", "-f", "json")
    report = json.loads(done.stdout)
    fields = ("test_id", "issue_severity", "issue_text")
    findings = [
        f"{found['filename']}:{found['line_number']}: {' '.join(found[field] for field in fields)}"
        for found in report["results"]
    ]
    findings += [f"{error['filename']}: not read: {error['reason']}" for error in report["errors"]]
    totals = report["metrics"]["_totals"]
    return {"lines": totals["loc"], "justified": totals["skipped_tests"], "findings": findings}


def required() -> Iterator[str]:
    """Yield the names of the installed packages that `pip install yoyak` brings, theirs included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    todo, seen = [Requirement(text) for text in project["dependencies"]], set[str]()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        extras = requirement.extras or {""}
        if name in seen or (requirement.marker and not any(requirement.marker.evaluate({"extra": e}) for e in extras)):
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        seen.add(name)
        yield name
        for text in requires:
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                inner.marker = None
                todo.append(inner)


def licence(name: str) -> str:
    """Return a package's licence as its metadata gives it, on one line."""
    metadata = distribution(name).metadata
    classifiers = [one.rpartition(" :: ")[2] for one in metadata.get_all("Classifier") or [] if "License ::" in one]
    words = metadata.get("License-Expression") or " AND ".join(one for one in classifiers if one != "OSI Approved")
    text = words or next(iter((metadata.get("License") or "").strip().splitlines()), "")
    return text or next((said for start, said in SEEN.items() if name.startswith(start)), "unknown")


def is_allowed(text: str) -> bool:
    """Tell whether all parts of a licence (one of them where `OR` stands between) are among the allowed."""
    choices = text.replace("(", "").replace(")", "").split(" OR ")
    return any(all(part.strip().lower().startswith(ALLOWED) for part in one.split(" AND ")) for one in choices)


def licences() -> dict[str, Any]:
    """Return how many packages have which licence, and those with none or one that is not allowed."""
    found = {name: licence(name) for name in required()}
    findings = [f"{name}: {text}" for name, text in sorted(found.items()) if not is_allowed(text)]
    return {"packages": len(found), "by_licence": dict(Counter(found.values()).most_common()), "findings": findings}


def main() -> int:
    """Run the three checks."""
    missing = [name for name in ("pip_audit", "bandit") if find_spec(name) is None]
    if missing:
        print(f"{' and '.join(missing)}: not installed; pip install -e '.[audit]'", file=sys.stderr)
        return 2
    results = {"vulnerabilities": vulnerabilities(), "code": dangerous_code(), "licences": licences()}
    for name, result in results.items():
        print(f"{name}: {len(result['findings'])} findings", *result["findings"], sep="\n  ")
    checked = results["vulnerabilities"]
    if checked["why"]:
        state = "some were not checked" if checked["reached"] else "NOT CHECKED, PyPI's advisories can't be reached"
        print(f"vulnerabilities: {state} ({checked['why']})")
    total = sum(len(result["findings"]) for result in results.values())
    print(json.dumps({"benchmark": "audit", **results, "total_findings": total}))
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
