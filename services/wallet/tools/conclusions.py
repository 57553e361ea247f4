"""The plain sentences at the end of `stakewire wallet explain`, and what became of each command. Pure: values in, words out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.wallet.decisions.model import ACCOUNT_PLAYER, APPLIED, REFUSED, TOMBSTONE, Operation
from services.wallet.tools.story import CallbackSeen, CommandSeen, OperationSeen, Story, told_money, told_time
from shared.contracts.replies import Result

MARGIN_MS: Final = 500
"""What the wallet adds to a caller's deadline by default before a stake expires."""

_REPEATED: Final = "answered again from operation"

REASONS: Final = (
    "it never arrived here: ask the provider for the time of his call and for the answer he got",
    "it is older than what the topics keep, and was never stored",
    "it came too late and expired: nobody had waited for it any more",
    "it was refused before the wallet (signature, address, syntax): see the archive, and the gateway's log lines `callback refused`",
    "it could not be read or applied: `stakewire dead-letters list`",
    "it went to another player, brand or provider account than you look at, or to another installation",
)


def conclude(story: Story) -> None:
    """Writes `fate` of each command and the `conclusion`."""
    story.commands.sort(key=lambda each: (each.partition, each.offset))
    stored = {
        (s.operation.player, s.operation.provider_account, s.operation.namespace, s.operation.external_id): s
        for s in story.operations
    }
    for key in dict.fromkeys(_key(each) for each in story.commands if not each.names_it):
        _tell_fates([each for each in story.commands if not each.names_it and _key(each) == key], stored.get(key))
    for each in story.commands:
        if each.names_it:
            each.fate = _answered(each) or "it takes this transaction back"
    story.conclusion = [*_of_operations(story), *_of_commands(story), *_of_callbacks(story), *_of_chain(story)]
    if not story.known:
        story.conclusion = ["Nothing is known of it. Possible reasons:", *(f"- {reason};" for reason in REASONS)]
    elif not story.operations:
        story.conclusion.insert(0, "Nothing is stored in the ledger under this id: no money moved.")


def _key(command: CommandSeen) -> tuple[str, str, str, str]:
    return (command.player, command.provider_account, command.namespace, command.external_id)


def _tell_fates(commands: list[CommandSeen], seen: OperationSeen | None) -> None:
    """What became of the commands under one key; they are in the order in which the wallet took them."""
    first = _the_one(commands, seen.operation) if seen else None
    for command in commands:
        answered = _answered(command)
        if command.letter:
            command.fate = f"it could not be applied and is dead letter {command.letter}"
        elif command is first and seen is not None:
            command.fate = f"stored as operation {seen.operation.seq}, {seen.operation.status}{_and(answered)}"
        elif seen is None:
            command.fate = answered or _unstored(command)
        elif first is not None and command.offset < first.offset:
            command.fate = answered or "nothing of it is stored: it came too late, or was refused without being kept"
        else:
            words = _as_a_copy(command, seen)
            command.fate = words if not command.result or _agrees(command.result, words) else answered


def _the_one(commands: list[CommandSeen], operation: Operation) -> CommandSeen | None:
    """The command that an operation was made from: the first that was not too late then."""
    for command in commands:
        fits = command.kind == operation.kind or (command.kind in {"batch", "rollback_list"})
        late = command.expires and operation.occurred_at_ms > command.at_ms + command.deadline_ms + MARGIN_MS
        if fits and not late and not command.letter and command.same is not False:
            return command
    return None


def _unstored(command: CommandSeen) -> str:
    if command.expires:
        return (
            f"nothing of it is stored: it reached the wallet more than {command.deadline_ms / 1000:g} s after it was sent (nobody waited any "
            "more), or it was refused without being kept (unknown session, wrong currency)"
        )
    return "nothing of it is stored: the wallet has not taken it yet, or refused it without keeping that (unknown player, currency or original)"


def _as_a_copy(command: CommandSeen, seen: OperationSeen) -> str:
    operation = seen.operation
    if operation.status == TOMBSTONE:
        return f"late, refused {Result.ORIGINAL_CANCELLED}: it had been rolled back before it arrived, nothing moved"
    if command.same is False:
        return f"the same id with other content, refused {Result.DUPLICATE_DIFFERENT}: nothing moved"
    if seen.undone_by is not None and seen.undone_by.occurred_at_ms <= command.at_ms and operation.kind != "rollback":
        return f"a late copy, refused {Result.ORIGINAL_CANCELLED}: it had been rolled back by then, nothing moved"
    return f"a copy, {_REPEATED} {operation.seq}: nothing moved again"


def _agrees(result: str, words: str) -> bool:
    """Whether the answer that is known is the one that was worked out."""
    return result.startswith("OK") == (_REPEATED in words) and (result.startswith("OK") or result in words)


def _answered(command: CommandSeen) -> str:
    return f"answered {command.result}" if command.result else ""


def _and(text: str) -> str:
    return f"; {text}" if text else ""


def _of_operations(story: Story) -> list[str]:
    return [sentence for seen in story.operations for sentence in _of_operation(seen, story.operations)]


def _of_operation(seen: OperationSeen, others: Sequence[OperationSeen]) -> list[str]:
    operation = seen.operation
    at, name = told_time(operation.occurred_at_ms), _name(operation)
    if operation.status == TOMBSTONE:
        by = f" by operation {seen.entombed_by.seq}" if seen.entombed_by else ""
        return [
            (
                f"It was rolled back at {at}{by} before it had arrived: a tombstone (operation {operation.seq}) keeps its place, so that a "
                f"late copy is refused {Result.ORIGINAL_CANCELLED} and moves nothing."
            )
        ]
    if operation.status == REFUSED:
        limit = f" ({operation.limit})" if operation.limit else ""
        return [
            f"The {name} was refused at {at} with {operation.result}{limit} (operation {operation.seq}); no money moved, a repetition is refused alike."
        ]
    if operation.kind == "rollback" and operation.target_seq and any(o.operation.seq == operation.target_seq for o in others):
        return []  # told with what it undoes
    if operation.status != APPLIED:
        told = [f"The {name} at {at} succeeded without moving anything (operation {operation.seq}{_reason(operation)})."]
        return [] if _told_by_tombstone(operation, others) else told
    moved = _moved(seen)
    told = [f"The {name} was applied at {at} as operation {operation.seq}: {moved}."]
    if seen.undoes is not None:
        undone = seen.undoes
        told.append(
            f"It took back operation {undone.seq}, the {_name(undone)} with id {undone.external_id} of {told_time(undone.occurred_at_ms)}."
        )
    if seen.undone_by is not None:
        undo = seen.undone_by
        told.append(
            f"It was taken back at {told_time(undo.occurred_at_ms)} by operation {undo.seq} ({_name(undo)}, id {undo.external_id}); "
            f"the balance was {told_money(undo.balance_after, undo.currency)} then."
        )
    return told


def _told_by_tombstone(operation: Operation, others: Sequence[OperationSeen]) -> bool:
    return any(seen.entombed_by is not None and seen.entombed_by.seq == operation.seq for seen in others)


def _moved(seen: OperationSeen) -> str:
    operation = seen.operation
    if not operation.movements:
        return "no money moved"
    paid = sum(each.amount for each in operation.movements if each.debit_account == ACCOUNT_PLAYER)
    got = sum(each.amount for each in operation.movements if each.credit_account == ACCOUNT_PLAYER)
    parts = [
        f"{told_money(units, operation.currency)} {what}"
        for units, what in ((paid, "from the player"), (got, "to the player"))
        if units
    ]
    before, after = (told_money(units, operation.currency) for units in (seen.balance_before, operation.balance_after))
    return f"{', '.join(parts)}, balance {before} -> {after}"


def _name(operation: Operation) -> str:
    return operation.kind.replace("_", " ")


def _reason(operation: Operation) -> str:
    for reason in ("original_not_found", "original_refused", "original_void", "original_undone"):
        if reason in operation.details:
            return f": {reason.replace('_', ' ')}"
    return ""


def _of_commands(story: Story) -> list[str]:
    """One sentence for each command that did not become an operation; many alike in one."""
    made = "stored as operation"
    told: dict[str, list[CommandSeen]] = {}
    for command in story.commands:
        if not command.names_it and not command.fate.startswith(made):
            told.setdefault(f"{command.kind.replace('_', ' ')}\n{command.fate}", []).append(command)
    sentences = []
    for text, commands in told.items():
        kind, _, fate = text.partition("\n")
        times = f"at {told_time(commands[0].at_ms)}"
        what = f"A {kind}" if len(commands) == 1 else f"{len(commands)} times a {kind}, last {told_time(commands[-1].at_ms)},"
        sentences.append(f"{what} arrived {times}: {fate}.")
    return sentences


def _of_callbacks(story: Story) -> list[str]:
    sentences = []
    unknown = [each for each in story.callbacks if each.verdict == "unknown"]
    if unknown:
        last = max(unknown, key=lambda each: each.at_ms)
        later = [each for each in story.callbacks if each.verdict == "answered" and each.at_ms > last.at_ms]
        then = f"he heard {_results(later)} later" if later else "no later callback of his was answered, as far as the archive goes"
        sentences.append(
            f"The provider was told UNKNOWN {_times(unknown)} (last {told_time(last.at_ms)}: {last.diagnosis or 'no reason known'}); {then}."
        )
    sentences += [
        f"The gateway refused a callback at {told_time(each.at_ms)} before the wallet: {each.result.replace('_', ' ')}, {each.diagnosis}."
        for each in story.callbacks
        if each.verdict == "refused"
    ]
    return sentences


def _results(callbacks: Sequence[CallbackSeen]) -> str:
    return ", ".join(dict.fromkeys(each.result for each in callbacks))


def _times(items: Sequence[object]) -> str:
    return "once" if len(items) == 1 else f"{len(items)} times"


def _of_chain(story: Story) -> list[str]:
    problems = [problem for seen in story.operations for problem in seen.chain_problems]
    if problems:
        return ["THE CHAIN DOES NOT FIT: " + "; ".join(problems) + ". Keep the database as it is and run `stakewire verify`."]
    if not story.operations:
        return []
    numbers = ", ".join(str(seen.operation.seq) for seen in story.operations)
    return [f"The hash chain fits around operation{'s' if len(story.operations) > 1 else ''} {numbers}."]
