"""The methods of Operator API v1: what each does with an operator's parameters, and what it answers. No HTTP, no JSON here."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from services.simulator.books import Books
from services.simulator.studios.mascot.operator_api import codes, params
from services.simulator.studios.mascot.operator_api.codes import RpcError
from services.simulator.studios.mascot.operator_api.door import Operator
from services.simulator.studios.mascot.operator_api.games import Game
from services.simulator.studios.mascot.operator_api.store import (
    BankGroup,
    FullError,
    Session,
    SessionFilter,
    Store,
    StudioPlayer,
)

SESSIONS_LISTED_MAX: Final = 1_000
SESSION_ID_CHARS: Final = 15
_ALPHABET: Final = string.ascii_lowercase + string.digits

Result = dict[str, Any]


class Methods:
    """The methods over one store. `public_url` is the studio's own address, `clock` gives Unix seconds."""

    def __init__(self, store: Store, books: Books, games: dict[str, Game], *, public_url: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._books = books
        self._games = games
        self._public_url = public_url
        self._clock = clock
        self._methods: dict[str, Callable[[Operator, Any], Result]] = {
            "Game.List": self._game_list,
            "BankGroup.Set": self._bank_group_set,
            "Player.Set": self._player_set,
            "Bonus.Set": self._bonus_set,
            "Bonus.GetPendingBonusTransactions": self._pending_bonus_transactions,
            "Session.Create": self._session_create,
            "Session.CreateDemo": self._session_create_demo,
            "Session.Close": self._session_close,
            "Session.Get": self._session_get,
            "Session.List": self._session_list,
            "History.GetToken": self._history_get_token,
        }

    def do(self, operator: Operator, method: str, raw: Any) -> Result:
        """Does one call of an operator. RpcError where it is refused."""
        work = self._methods.get(method)
        if work is None:
            raise RpcError(codes.METHOD_NOT_FOUND, f"there are: {', '.join(sorted(self._methods))}")
        try:
            return work(operator, raw)
        except FullError as error:
            raise RpcError(codes.LIMIT_REACHED, str(error)) from error

    # --- games, bank groups, players, bonuses ------------------------------------------------------------------------

    def _game_list(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.GameList, raw)
        if given.bank_group_id is not None:
            self._bank_group(operator, given.bank_group_id)
        with_settings = given.bank_group_id is not None
        return {"Games": [game.record(with_settings=with_settings) for game in self._games.values()]}

    def _bank_group_set(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.BankGroupSet, raw)
        if given.currency not in operator.digits:
            known = ", ".join(sorted(operator.digits))
            raise RpcError(codes.CURRENCY_INVALID, f"{given.currency} is not agreed on with this operator; there are: {known}")
        known_group = self._store.bank_group(operator.provider_account, given.id)
        if known_group is not None and known_group.currency != given.currency:
            text = f"bank group {given.id} has {known_group.currency}; its currency cannot become {given.currency}"
            raise RpcError(codes.BANK_GROUP_CURRENCY_CHANGED, text)
        self._store.put_bank_group(BankGroup(operator.provider_account, given.id, given.currency, given.settings_patch or ""))
        return {}

    def _player_set(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.PlayerSet, raw)
        self._bank_group(operator, given.bank_group_id)
        known = self._store.player(operator.provider_account, given.id)
        if known is not None and known.bank_group_id != given.bank_group_id:
            text = f"player {given.id} is in bank group {known.bank_group_id} and cannot go to {given.bank_group_id}"
            raise RpcError(codes.PLAYER_BANK_GROUP_CHANGED, text)
        self._store.put_player(StudioPlayer(operator.provider_account, given.id, given.bank_group_id, given.nick or ""))
        return {}

    def _bonus_set(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.BonusSet, raw)
        self._store.put_bonus(operator.provider_account, given.id)
        return {}

    def _pending_bonus_transactions(self, operator: Operator, raw: Any) -> Result:
        """Rewards of automatic players whose outcome is not known; the shape of the answer is unverified."""
        params.read_params(params.Params, raw)
        rewards = self._books.unresolved_rewards(operator.provider_account)
        return {
            "Transactions": [
                {"TransactionRef": reward.ref, "DepositAmount": reward.deposit, "PlayerKey": reward.player} for reward in rewards
            ]
        }

    # --- sessions ----------------------------------------------------------------------------------------------------

    def _session_create(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.SessionCreate, raw)
        account = operator.provider_account
        player = self._store.player(account, given.player_id)
        if player is None:
            raise RpcError(codes.PLAYER_ID_INVALID, f"there is no player {given.player_id}; set him with Player.Set first")
        game = self._game(given.game_id)
        if given.bonus_id is not None:
            if not self._store.has_bonus(account, given.bonus_id):
                raise RpcError(codes.BONUS_ID_INVALID, f"there is no bonus {given.bonus_id}; register it with Bonus.Set first")
            if not game.free_rounds:
                raise RpcError(codes.BONUS_GAME_INVALID, f"game {game.id} has no tag FR: it cannot be played with a bonus")
        group = self._bank_group(operator, player.bank_group_id)
        return self._opened(
            Session(
                session_id=_new_session_id(),
                provider_account=account,
                player_id=player.id,
                bank_group_id=group.id,
                currency=group.currency,
                game_id=game.id,
                bonus_id=given.bonus_id or "",
                free_round_bet=given.params.freeround_bet or 0,
                alternative_id=given.alternative_id or "",
                language=params.language_of(given.params.language),
                home_url=given.params.home_url,
                home_url_target=given.params.home_url_target,
                demo=False,
                demo_balance=0,
                created_ms=self._now_ms(),
            )
        )

    def _session_create_demo(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.SessionCreateDemo, raw)
        game = self._game(given.game_id)
        group = self._bank_group(operator, given.bank_group_id)
        if not game.demo:
            raise RpcError(codes.GAME_WITHOUT_DEMO, f"game {game.id} has the tag NoD: it cannot be played without money")
        return self._opened(
            Session(
                session_id=_new_session_id(),
                provider_account=operator.provider_account,
                player_id="",
                bank_group_id=group.id,
                currency=group.currency,
                game_id=game.id,
                bonus_id="",
                free_round_bet=0,
                alternative_id="",
                language=params.language_of(given.params.language),
                home_url="",
                home_url_target="",
                demo=True,
                demo_balance=given.start_balance,
                created_ms=self._now_ms(),
            )
        )

    def _session_close(self, operator: Operator, raw: Any) -> Result:
        session = self._session(operator, raw)
        self._store.close_session(session.session_id, self._now_ms())
        return {}

    def _session_get(self, operator: Operator, raw: Any) -> Result:
        return _shown(self._session(operator, raw))

    def _session_list(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.SessionList, raw)
        wanted = SessionFilter(
            create_from=params.milliseconds(given.create_time_from, "CreateTimeFrom"),
            create_to=params.milliseconds(given.create_time_to, "CreateTimeTo"),
            close_from=params.milliseconds(given.close_time_from, "CloseTimeFrom"),
            close_to=params.milliseconds(given.close_time_to, "CloseTimeTo"),
            is_open=None if given.status is None else given.status == "Open",
            players=given.player_ids,
            bank_groups=given.bank_group_ids,
        )
        found = self._store.sessions(operator.provider_account, wanted, SESSIONS_LISTED_MAX)
        return {"Sessions": [_shown(session) for session in found]}

    def _history_get_token(self, operator: Operator, raw: Any) -> Result:
        given = params.read_params(params.HistoryGetToken, raw)
        session = self._owned(operator, given.session_id)
        token, now_ms = secrets.token_urlsafe(24), self._now_ms()
        self._store.put_token(token, session.session_id, now_ms + given.expiry_in_seconds * 1000, now_ms)
        return {"Token": token}

    # --- what they have in common ------------------------------------------------------------------------------------

    def _opened(self, session: Session) -> Result:
        self._store.open_session(session)
        return {"SessionId": session.session_id, "SessionUrl": f"{self._public_url}/mascot/launch/{session.session_id}"}

    def _bank_group(self, operator: Operator, group_id: str) -> BankGroup:
        group = self._store.bank_group(operator.provider_account, group_id)
        if group is None:
            raise RpcError(codes.BANK_GROUP_ID_INVALID, f"there is no bank group {group_id}; set it with BankGroup.Set first")
        return group

    def _game(self, game_id: str) -> Game:
        game = self._games.get(game_id)
        if game is None:
            raise RpcError(codes.GAME_ID_INVALID, f"there is no game {game_id}; Game.List tells the games")
        return game

    def _session(self, operator: Operator, raw: Any) -> Session:
        return self._owned(operator, params.read_params(params.SessionNamed, raw).session_id)

    def _owned(self, operator: Operator, session_id: str) -> Session:
        session = self._store.session(session_id)
        if session is None or session.provider_account != operator.provider_account:
            raise RpcError(codes.SESSION_ID_INVALID, f"there is no session {session_id}")
        return session

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _new_session_id() -> str:
    """Lower-case letters and digits: it is the first label of a host name, too."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(SESSION_ID_CHARS))


def _shown(session: Session) -> Result:
    """The record of Session.Get and Session.List; a demo has no player, an open session no CloseTime."""
    return {
        "SessionId": session.session_id,
        "AlternativeId": session.alternative_id,
        "PlayerId": session.player_id,
        "GameId": session.game_id,
        "BankGroupId": session.bank_group_id,
        "CreateTime": _time(session.created_ms),
        "CloseTime": None if session.closed_ms is None else _time(session.closed_ms),
        "Status": "Open" if session.closed_ms is None else "Closed",
    }


def _time(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{moment_ms % 1000:03d}Z"
