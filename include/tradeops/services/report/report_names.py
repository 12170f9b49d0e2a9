"""Where reports lie below their folder; apart from what draws them, for those who only look for one."""

from datetime import date

from tradeops.domain.identifiers import BookId

REPORT_FILE = "report.html"


def name_report(book_id: BookId, last: date | str) -> str:
    """A folder name from a book and its last session, or a pattern of sessions: no clock."""
    return f"{book_id}/{last}".replace("/", "_")
