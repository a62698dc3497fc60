"""RecBole's side of `bench.recbole`, in RecBole's own environment: trains an epoch for each line read.

It imports nothing of this project. RecBole 1.2.1 was written for NumPy 1 and an older SciPy, so the names
that have gone since are put back first.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch

ALIASES = {
    "bool": bool,
    "bool8": np.bool_,
    "int": int,
    "float": float,
    "float_": np.float64,
    "complex": complex,
    "complex_": np.complex128,
    "object": object,
    "str": str,
    "unicode_": np.str_,
}


def put_back_numpy_names() -> None:
    """Give NumPy 2 the names of NumPy 1 that RecBole uses."""
    for name, value in ALIASES.items():
        if name not in vars(np):
            setattr(np, name, value)


def prepared(settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return RecBole's trainer and its training batches, as `run_recbole` makes them."""
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    config = Config(
        model="NeuMF",
        dataset="ml-100k",
        config_dict={
            "data_path": settings["data_path"],
            "checkpoint_dir": settings["checkpoint_dir"],
            "load_col": {"inter": ["user_id", "item_id"]},
            "mf_embedding_size": 64,
            "mlp_embedding_size": 64,
            "mlp_hidden_size": [128, 64],
            "dropout_prob": settings["dropout"],
            "train_batch_size": settings["batch_size"],
            "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1, "dynamic": False},
            "learner": "adam",
            "learning_rate": 0.001,
            "seed": settings["seed"],
            "use_gpu": False,
            "show_progress": False,
            "state": "ERROR",
        },
    )
    init_seed(config["seed"], config["reproducibility"])
    training, _, _ = data_preparation(config, create_dataset(config))
    model = get_model(config["model"])(config, training.dataset).to(config["device"])
    return get_trainer(config["MODEL_TYPE"], config["model"])(config, model), training


def main() -> None:
    """Answer every line of standard input with one JSON line about one epoch."""
    settings = json.loads(sys.argv[1])
    sys.argv = sys.argv[:1]  # RecBole reads the command line too
    put_back_numpy_names()
    torch.set_num_threads(settings["threads"])
    trainer, training = prepared(settings)
    samples = 2 * len(training.dataset)
    for epoch, _ in enumerate(sys.stdin):
        start = time.perf_counter()
        trainer._train_epoch(training, epoch, show_progress=False)  # noqa: SLF001  # fit() would evaluate too
        print(json.dumps({"samples": samples, "seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
