"""Accuracy on two public protocols, beside baselines on the same rows: `make accuracy`.

GRADUS_TEST_DATA names a folder with `ncf-ml-1m` and `support2`. A Markdown table goes to standard output,
everything measured to a JSON file; the exit status is 1 when a target is missed. `--tune` shows the chosen
settings epoch by epoch on rows held out of the training parts, which is where they were chosen.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from bench import accuracy_ncf, accuracy_support2

DEFAULT_OUT = Path("out/accuracy.json")


def ncf_lines(found: dict[str, Any]) -> list[str]:
    lines = [
        "### MovieLens 1M, leave-one-out, sampled, 99 negatives (NCF files)",
        "",
        "| candidate | HR@10 | NDCG@10 | seconds to fit |",
        "|---|---|---|---|",
    ]
    for candidate in found["report"]["candidates"]:
        name, metrics = candidate["name"], candidate["metrics"]
        cells = [_cell(metrics["hr@10"]), _cell(metrics["ndcg@10"]), f"{found['seconds'][name]:.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, "", found["report"]["sentence"], ""]


def support2_lines(found: dict[str, Any]) -> list[str]:
    lines = [
        "### SUPPORT2, death within 180 days, 5 folds, 28 columns",
        "",
        "| candidate | AUROC | AUPRC | Brier | ECE | log loss | seconds to fit |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, metrics in found["metrics"].items():
        cells = [_cell(metrics[m]) for m in ("auroc", "auprc", "brier", "ece", "log_loss")]
        lines.append(f"| {name} | {' | '.join(cells)} | {found['seconds'][name]:.0f} |")
    return [*lines, "", found["sentence"], ""]


def tune(folder: Path, only: str) -> None:
    """Print metrics by epoch on held-out training rows."""
    if only != "support2":
        world = accuracy_ncf.holdout(accuracy_ncf.official(folder / "ncf-ml-1m"))
        for epoch, scorer in accuracy_ncf.train_mf(world, accuracy_ncf.CHOSEN, seed=0):
            metrics = accuracy_ncf.judged(world, scorer).metrics
            print(
                f"mf epoch {epoch}: HR@10 {metrics['hr@10']:.4f}, NDCG@10 {metrics['ndcg@10']:.4f}",
                flush=True,
            )
    if only != "ncf":
        for epoch, means in enumerate(
            accuracy_support2.tune(folder / "support2", accuracy_support2.CHOSEN), 1
        ):
            print(f"mlp epoch {epoch}: " + ", ".join(f"{name} {value:.4f}" for name, value in means.items()))


def _cell(metric: dict[str, float]) -> str:
    return f"{metric['value']:.4f} ({metric['low']:.4f} to {metric['high']:.4f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADUS_TEST_DATA"))
    parser.add_argument("--only", choices=["ncf", "support2", "both"], default="both")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.data is None:
        print("GRADUS_TEST_DATA names no folder; give --data FOLDER", file=sys.stderr)
        return 2
    torch.set_num_threads(arguments.threads)
    if arguments.tune:
        tune(Path(arguments.data), arguments.only)
        return 0
    return run(Path(arguments.data), arguments.only, out=arguments.out)


def run(folder: Path, only: str, *, out: Path) -> int:
    """Measure, print the table, write the file, and say by the exit status whether all targets were met."""
    found: dict[str, Any] = {}
    lines: list[str] = []
    if only != "support2":
        found["ncf"] = accuracy_ncf.measure(folder / "ncf-ml-1m")
        lines += ncf_lines(found["ncf"])
    if only != "ncf":
        found["support2"] = accuracy_support2.measure(folder / "support2")
        lines += support2_lines(found["support2"])
    failures = [failure for part in found.values() for failure in part["failures"]]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1, allow_nan=False))
    print("\n".join([*lines, *(f"MISSED {failure}" for failure in failures)]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
