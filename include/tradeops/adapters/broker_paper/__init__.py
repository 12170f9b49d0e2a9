"""A broker on paper: it keeps what it accepted and computes executions when asked."""

from tradeops.adapters.broker_paper.broker import PaperBroker, prepare_paper_broker

__all__ = ["PaperBroker", "prepare_paper_broker"]
