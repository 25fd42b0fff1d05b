"""MatrixCompletion against Snorkel's LabelModel, Triplets against flyingsquid.

    python -m tests.bench.moments [DATA_DIR] [--items N]

Accuracies are percent, with ties and rows without votes as a random break expects. Snorkel takes
dense arrays and so does flyingsquid; ours takes the sparse votes. The best of three runs counts.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from tests.bench.measure import Table, best_of, make_votes
from tests.bench.peer_posteriors import snorkel_posterior
from tests.bench.peers import missing
from tests.bench.score import expected_accuracy, expected_f1
from tests.bench.sets import CROWDS, RULES, read_sets
from tests.bench.triplet_reference import flyingsquid_model, reference_tables
from weaklabel import MajorityVote, VoteMatrix
from weaklabel.models import MatrixCompletion, Triplets
from weaklabel.votes.synthetic import planted_votes

GOOD_FOR_SNORKEL = ("css_mrf", "css_ibc", "css_emotion", "youtube")
PLANTED = {
    "2 classes, even": ((0.5, 0.5), 10),
    "2 classes, 80/20": ((0.8, 0.2), 10),
    "3 classes, 60/30/10": ((0.6, 0.3, 0.1), 10),
    "5 classes, even": ((0.2,) * 5, 12),
}


def snorkel(votes: VoteMatrix, test: VoteMatrix, balance: tuple[float, ...] | None) -> np.ndarray:
    """Snorkel's LabelModel at its default settings (100 epochs)."""
    if balance is None:
        return snorkel_posterior(votes, test, n_epochs=100)
    from snorkel.labeling.model import LabelModel

    model = LabelModel(cardinality=test.n_classes, verbose=False)
    dense = votes.to_dense().astype(int)
    model.fit(dense, class_balance=list(balance), seed=0, progress_bar=False)
    return np.asarray(model.predict_proba(test.to_dense().astype(int)))


def bench_planted(n_items: int) -> None:
    """Accuracy on votes drawn from the model, class balance told and untold."""
    print(f"\nAccuracy on planted votes ({n_items:,} rows; accuracies 0.55 to 0.85, coverage 0.5)")
    names = ("majority", "Snorkel told", "ours told", "Snorkel", "ours", "Triplets")
    print(f"  {'':<24}" + "".join(f"{n:>14}" for n in names))
    for name, (balance, n_lfs) in PLANTED.items():
        planted = planted_votes(
            n_items, accuracy=np.linspace(0.55, 0.85, n_lfs), class_balance=balance, seed=1
        )
        votes = planted.votes
        posteriors = [
            MajorityVote().fit(votes).predict_proba(votes),
            snorkel(votes, votes, balance),
            MatrixCompletion().fit(votes, class_balance=balance).predict_proba(votes),
            snorkel(votes, votes, None),
            MatrixCompletion().fit(votes).predict_proba(votes),
            Triplets().fit(votes).predict_proba(votes),
        ]
        scores = [expected_accuracy(p, planted.truth) for p in posteriors]
        print(f"  {name:<24}" + "".join(f"{s:14.2f}" for s in scores), flush=True)


def bench_real(root: Path) -> None:
    """The metric on real sets, class balance untold."""
    models = {
        "majority": MajorityVote,
        "Completion": MatrixCompletion,
        "prior 3000": lambda: MatrixCompletion(prior_strength=3000.0),
        "Triplets": Triplets,
        "T. median": lambda: Triplets(aggregate="median"),
        "T. symmetric": lambda: Triplets(errors="symmetric", aggregate="mean"),
    }
    print("\nReal sets (F1 of class 1 or accuracy); Snorkel after 100 and 500 epochs")
    header = ["Snorkel", "Snorkel 500", *models]
    print(f"  {'':<20}" + "".join(f"{n:>13}" for n in header) + "  Completion against Snorkel")
    for data in read_sets(root, [*RULES, *CROWDS]):
        keep = data.gold >= 0
        score = expected_f1 if data.is_f1 else expected_accuracy
        posteriors = [snorkel_posterior(data.fit, data.test, n) for n in (100, 500)]
        posteriors += [m().fit(data.fit).predict_proba(data.test) for m in models.values()]
        for p in posteriors:
            p[data.test.n_votes_per_item == 0] = 1.0 / data.n_classes
        scores = [score(p[keep], data.gold[keep]) for p in posteriors]
        note = ""
        if data.name in GOOD_FOR_SNORKEL:
            gain = scores[3] - scores[0]
            verdict = "reached" if gain >= -0.5 else "NOT reached"
            note = f"  {gain:+.1f}, bar -0.5: {verdict}"
        print(f"  {data.name:<20}" + "".join(f"{s:13.1f}" for s in scores) + note, flush=True)


def bench_snorkel_speed(n_items: int) -> None:
    """Seconds of fit and predict at 20 LFs, two classes."""
    votes = make_votes(n_items, 20, 2)
    dense = votes.to_dense().astype(int)
    report = Table(f"{n_items:,} rows x 20 LFs, {votes.n_votes:,} votes, 2 classes")
    even = [0.5, 0.5]
    MatrixCompletion().fit(votes).predict_proba(votes)  # compiles
    fit, model = best_of(3, lambda: MatrixCompletion().fit(votes, class_balance=even))
    predict, _ = best_of(3, lambda: model.predict_proba(votes))
    untold, _ = best_of(3, lambda: MatrixCompletion().fit(votes))
    report.seconds("MatrixCompletion fit, class balance told", fit, model.status_)
    report.seconds("MatrixCompletion fit, class balance estimated", untold)
    report.seconds("MatrixCompletion predict", predict)
    if why := missing("snorkel"):
        report.line("Snorkel LabelModel", "-", why)
        return
    from snorkel.labeling.model import LabelModel

    peer = LabelModel(cardinality=2, verbose=False)
    peer_fit, _ = best_of(1, lambda: peer.fit(dense, seed=0, progress_bar=False))
    peer_predict, _ = best_of(1, lambda: peer.predict_proba(dense))
    report.seconds("Snorkel fit, 100 epochs (assumes even classes)", peer_fit)
    report.seconds("Snorkel predict", peer_predict)
    report.ratio("fit, class balance told", peer_fit / fit, 10)
    report.ratio("fit, class balance estimated", peer_fit / untold, 10)
    report.ratio("fit and predict", (peer_fit + peer_predict) / (fit + predict), 10)


def bench_triplets(n_items: int) -> None:
    """Accuracies, and seconds, of the triplet methods on planted votes of two classes."""
    planted = planted_votes(n_items, accuracy=np.linspace(0.55, 0.9, 20), propensity=0.28, seed=2)
    votes, dense = planted.votes, planted.votes.to_dense().astype(int)
    even = [0.5, 0.5]
    report = Table(f"Triplets: {n_items:,} rows x 20 LFs, {votes.n_votes:,} votes, 2 classes")
    right = np.array([(dense[:, j] == planted.truth).mean() for j in range(20)])
    makers = {
        "symmetric, mean": lambda: Triplets(errors="symmetric", aggregate="mean"),
        "symmetric, median": lambda: Triplets(errors="symmetric", aggregate="median"),
        "class-conditional, pooled (default)": Triplets,
    }
    Triplets().fit(votes).predict_proba(votes)  # compiles
    seconds, accuracies, predicted = {}, {}, {}
    part, part_truth = votes[:20_000], planted.truth[:20_000]
    for name, make in makers.items():
        seconds[name], model = best_of(3, lambda make=make: make().fit(votes, class_balance=even))
        layout = model.layout_
        own = model.tables_[np.arange(40), layout.row_symbol] * 0.5
        accuracies[name] = np.bincount(layout.row_lf, own)
        predicting, p = best_of(3, lambda model=model: model.predict_proba(part))
        predicted[name] = expected_accuracy(p, part_truth)
        off = np.abs(accuracies[name] - right).max()
        report.seconds(f"{name}: fit", seconds[name], f"P(right) off the truth by {off:.5f}")
    report.seconds("predict 20,000 rows", predicting)
    signed = np.where(dense < 0, 0, 2 * dense - 1)
    for method, name in (("mean", "symmetric, mean"), ("median", "symmetric, median")):
        peer = flyingsquid_model(20)
        if peer is None:
            tables = reference_tables(dense, method)
            theirs = 0.5 * (tables[:, 0, 0] + tables[:, 1, 1])
            report.line("flyingsquid does not import: its formula, loop by loop", "-")
        else:
            start = time.perf_counter()
            peer.fit(signed, solve_method=f"triplet_{method}")
            fitting = time.perf_counter() - start
            theirs = np.array(peer.estimated_accuracies())
            start = time.perf_counter()
            p = peer.predict_proba(signed[:20_000])
            peer_predicting = time.perf_counter() - start
            score = expected_accuracy(p, part_truth)
            report.seconds(f"flyingsquid, {method}: fit", fitting, f"accuracy {score:.2f}")
            report.seconds("flyingsquid: predict 20,000 rows", peer_predicting)
            report.ratio("fit", fitting / seconds[name], 3)
            report.ratio("predict", peer_predicting / predicting, 100)
        for mine in (name, "class-conditional, pooled (default)"):
            gap = np.abs(accuracies[mine] - theirs).max()
            note = f"accuracy {predicted[mine]:.2f}; bar 1e-3 on the same estimator"
            report.line(f"largest difference of P(right), {mine}", f"{gap:.1e}", note)
        off = np.abs(theirs - right).max()
        report.line(f"theirs ({method}) off the truth by", f"{off:.5f}")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run all parts."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.moments")
    parser.add_argument("data", nargs="?", default="../shared/data", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if missing("snorkel") is None:
        bench_planted(20_000)
        if options.data.is_dir():
            bench_real(options.data)
        else:
            print(f"\nno real sets: {options.data} is not a folder")
    bench_snorkel_speed(options.items)
    bench_triplets(options.items)
    return 0


if __name__ == "__main__":
    sys.exit(main())
