"""What the wallet decides, as pure functions: values in, values out, no clock and no I/O.

`decide` is the one entrance. Imports only contracts and money.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from services.wallet.decisions.adjust import decide_adjust
from services.wallet.decisions.exclusion import decide_exclude, decide_lift_exclusion
from services.wallet.decisions.free_rounds import decide_cancel_free_rounds, decide_grant_free_rounds
from services.wallet.decisions.limits import decide_set_limits
from services.wallet.decisions.model import Decision, View
from services.wallet.decisions.money import decide_deposit, decide_withdraw
from services.wallet.decisions.players import (
    decide_close_account,
    decide_create_player,
    decide_erase_player,
    decide_set_player_status,
)
from services.wallet.decisions.promo import decide_promo_win
from services.wallet.decisions.reversals import decide_rollback
from services.wallet.decisions.rounds import decide_settle_round, decide_void_round
from services.wallet.decisions.sessions import (
    decide_activate_session,
    decide_close_session,
    decide_get_balance,
    decide_open_session,
)
from services.wallet.decisions.stakes import decide_bet, decide_bet_and_win
from services.wallet.decisions.wins import decide_end_round, decide_win
from shared.contracts import Command

_DECIDERS: Final[dict[str, Callable[[Any, View], Decision]]] = {
    "create_player": decide_create_player,
    "set_player_status": decide_set_player_status,
    "erase_player": decide_erase_player,
    "close_account": decide_close_account,
    "exclude": decide_exclude,
    "lift_exclusion": decide_lift_exclusion,
    "set_limits": decide_set_limits,
    "deposit": decide_deposit,
    "withdraw": decide_withdraw,
    "open_session": decide_open_session,
    "activate_session": decide_activate_session,
    "close_session": decide_close_session,
    "grant_free_rounds": decide_grant_free_rounds,
    "cancel_free_rounds": decide_cancel_free_rounds,
    "get_balance": decide_get_balance,
    "bet": decide_bet,
    "win": decide_win,
    "bet_and_win": decide_bet_and_win,
    "rollback": decide_rollback,
    "end_round": decide_end_round,
    "promo_win": decide_promo_win,
    "adjust": decide_adjust,
    "void_round": decide_void_round,
    "settle_round": decide_settle_round,
}


def decide(command: Command, view: View) -> Decision:
    """What is to happen with `command`, given all that it may look at.

    Player queries are not decided but read; Batch and RollbackList are decided item by item (batches.parts_of).
    """
    return _DECIDERS[command.kind](command, view)
