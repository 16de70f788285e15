"""Settings, the part that everybody has: the account and where it is signed in."""

import asyncio
from dataclasses import dataclass

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import Conflict, InvalidInput, StudioError
from clone_studio.services.account import SessionRow as StoredSession
from clone_studio.state.base import StudioState
from clone_studio.state.browsers import browser_name
from clone_studio.state.clone_rows import ago, exactly
from clone_studio.state.shell import ShellState


@dataclass(frozen=True)
class PlaceRow:
    """One place where the user is signed in."""

    key: str = ""
    browser: str = ""
    seen: str = ""
    seen_exact: str = ""
    is_here: bool = False


class SettingsState(StudioState):
    """What Settings shows."""

    ready: bool = False
    problem: str = ""
    name: str = ""
    email: str = ""
    has_password: bool = False
    account_key: str = ""
    account_errors: dict[str, str] = {}
    password_errors: dict[str, str] = {}
    password_key: int = 0
    places: list[PlaceRow] = []
    session_hours: int = 24
    everywhere_open: bool = False

    @rx.event
    async def open(self) -> None:
        """Read the account, for the page or to try again."""
        try:
            user = await asyncio.to_thread(services().account.user_for, self._user_id)
            await self._read_places()
        except StudioError as error:
            self.problem = error.detail
            return
        self.name, self.email, self.has_password = user.name, user.email, user.has_password
        self.account_key = f"{user.id}-{user.name}-{user.email}"
        self.account_errors, self.password_errors, self.problem = {}, {}, ""
        self.ready = True

    async def _read_places(self) -> None:
        rows = await asyncio.to_thread(services().account.sessions_for, self._user_id)
        self.session_hours = services().settings.session_hours
        self.places = [_place_row(row, self._session_id) for row in rows]

    @rx.event
    async def save_account(self, form: dict[str, str]) -> None:
        """Store name and email address."""
        name, email = str(form.get("name", ""))[:200], str(form.get("email", ""))[:300]
        try:
            user = await asyncio.to_thread(
                services().auth.update_profile, self._user_id, name, email
            )
        except InvalidInput as error:
            self.account_errors = {error.field or "email": error.detail}
            return
        except Conflict as error:
            self.account_errors = {"email": error.detail}
            return
        self.account_errors = {}
        self.name, self.email = user.name, user.email
        await (await self.get_state(ShellState))._read_person()
        self._notify("Your account was saved.")

    @rx.event
    async def save_password(self, form: dict[str, str]) -> None:
        """Set or change the password; all other places are signed out by it."""
        current, new = str(form.get("current", ""))[:1000], str(form.get("new", ""))[:1000]
        if new != str(form.get("again", ""))[:1000]:
            self.password_errors = {"again": "The two new passwords are not the same."}
            return
        try:
            await asyncio.to_thread(
                lambda: services().auth.set_password(
                    self._user_id, current, new, keep_session_id=self._session_id
                )
            )
        except InvalidInput as error:
            field = error.field if error.field == "current" else "new"
            self.password_errors = {field: error.detail}
            return
        except StudioError as error:
            self.password_errors = {"current": error.detail}
            return
        self.password_errors = {}
        self.password_key += 1
        self.has_password = True
        await self._read_places()
        self._notify("The password was set. Everywhere else you are signed out.")

    @rx.event
    async def end_session(self, session_id: str) -> None:
        """Sign out in one other place."""
        async with self._reporting():
            await asyncio.to_thread(services().account.end_session, self._user_id, str(session_id))
            self._notify("That place is signed out.")
        await self._read_places()

    @rx.event
    def set_everywhere_open(self, is_open: bool) -> None:
        """Open or close the question whether to sign out everywhere."""
        self.everywhere_open = bool(is_open)


def _place_row(row: StoredSession, here: str) -> PlaceRow:
    return PlaceRow(
        key=row.id,
        browser=browser_name(row.user_agent),
        seen=ago(row.last_seen_at),
        seen_exact=exactly(row.last_seen_at),
        is_here=row.id == here,
    )
