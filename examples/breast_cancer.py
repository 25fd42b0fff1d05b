"""Ten threshold rules, no diagnosis read: soft labels and a classifier for the breast-cancer table.

Usage::

    python examples/breast_cancer.py
"""

from __future__ import annotations

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from weaklabel import EndModel, LabelModel, apply, label_quality, lf_summary, load_pack


def main() -> None:
    table = load_breast_cancer(as_frame=True)
    train, test, gold_train, gold_test = train_test_split(
        table.data, table.target, test_size=0.3, random_state=0
    )
    votes = apply(load_pack("labeling_functions.breast_cancer"), train)
    labels = LabelModel().fit(votes).label(votes)
    classifier = EndModel(random_state=0).fit(train, labels)

    # The diagnoses are used from here on, and for scores only.
    print(lf_summary(votes, gold=gold_train).to_text())
    quality = label_quality(labels, gold_train)
    names = table.target_names[gold_test]
    accuracy = (classifier.predict(test) == names).mean()
    print(f"coverage {quality.coverage:.3f}, label accuracy {quality.accuracy_covered:.3f}")
    print(f"end model on {len(test)} held-out rows: {accuracy:.3f}")


if __name__ == "__main__":
    main()
