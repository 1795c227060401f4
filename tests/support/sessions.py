"""The session of a workbench on a data folder, for tests that look into it."""

from workbench import Workbench
from workbench.query.session import Session


def session_of(wb: Workbench) -> Session:
    """Return the session of a workbench on a folder."""
    session = wb._session
    assert isinstance(session, Session)
    return session
