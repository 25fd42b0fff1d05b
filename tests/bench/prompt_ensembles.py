"""What wordings that share their mistakes do to label models.

``python -m tests.bench.prompt_ensembles`` plants four rules (accuracy 75 %, on 60 % of the rows)
and five wordings of one prompt (75 %): each wording repeats the answer of the prompt on a share of
the rows and draws one of its own elsewhere. 2,000 rows, two classes, mean of 10 seeds, no gold.
"""

from __future__ import annotations

import warnings

import numpy as np

from weaklabel import DawidSkene, LabelModel, MajorityVote, VoteMatrix
from weaklabel.errors import WeakLabelWarning
from weaklabel.llm.merging import merged_columns

N_ROWS, N_RULES, N_WORDINGS, ACCURACY, COVERAGE = 2_000, 4, 5, 0.75, 0.6
SHARES = (1.0, 0.95, 0.8, 0.6)
RULES = tuple(f"rule_{k}" for k in range(N_RULES))
WORDINGS = tuple(f"wording_{k}" for k in range(N_WORDINGS))


def planted(share: float, seed: int) -> tuple[VoteMatrix, np.ndarray]:
    """Rules and wordings, and gold."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, N_ROWS)

    def voter() -> np.ndarray:
        return np.where(rng.random(N_ROWS) < ACCURACY, gold, 1 - gold)

    rules = [np.where(rng.random(N_ROWS) < COVERAGE, voter(), -1) for _ in RULES]
    prompt = voter()
    wordings = [np.where(rng.random(N_ROWS) < share, prompt, voter()) for _ in WORDINGS]
    dense = np.column_stack([*rules, *wordings])
    return VoteMatrix.from_dense(dense, labels=["a", "b"], lf_names=[*RULES, *WORDINGS]), gold


def accuracies(share: float, seed: int) -> dict[str, float]:
    """Accuracy in percent by label model."""
    votes, gold = planted(share, seed)
    cases = {
        "MajorityVote()": (MajorityVote(), votes),
        "LabelModel()": (LabelModel(), votes),
        "LabelModel(), one wording": (LabelModel(), votes.select_lfs([*RULES, WORDINGS[0]])),
        "LabelModel(), merged": (LabelModel(), merged_columns(votes, [WORDINGS])),
        "DawidSkene()": (DawidSkene(), votes),
        "DawidSkene(dependencies=...)": (DawidSkene(dependencies=[WORDINGS]), votes),
    }
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakLabelWarning)
        for name, (model, given) in cases.items():
            predicted = model.fit(given).predict_proba(given).argmax(axis=1)
            found[name] = 100.0 * float((predicted == gold).mean())
    return found


def main() -> None:
    """Print the table."""
    table = [[accuracies(share, seed) for seed in range(10)] for share in SHARES]
    print(f"{'answers repeated':30}" + "".join(f"{share:>8.0%}" for share in SHARES))
    for name in table[0][0]:
        means = [np.mean([found[name] for found in runs]) for runs in table]
        print(f"{name:30}" + "".join(f"{mean:>8.1f}" for mean in means))


if __name__ == "__main__":
    main()
