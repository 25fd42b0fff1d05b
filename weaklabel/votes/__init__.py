"""Votes: the sparse matrix of who voted what, how to build, group and store it."""

from weaklabel.votes.matrix import FaultRecord, VoteMatrix
from weaklabel.votes.patterns import VotePatterns

__all__ = ["FaultRecord", "VoteMatrix", "VotePatterns"]
