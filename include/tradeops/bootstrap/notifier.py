"""Joins the notifier port to its adapter."""

from tradeops.adapters.notifier_mail_folder import MailFolderNotifier
from tradeops.ports.notifier import Notifier
from tradeops.settings import Settings


def open_notifier(settings: Settings) -> Notifier:
    """The notifier of an installation: mails in `TRADEOPS_MAIL_DIR`."""
    return MailFolderNotifier(settings.mail_dir, settings.state_dir / "incidents")
