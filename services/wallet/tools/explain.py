"""`stakewire wallet explain`: gathers what the ledger and the topics hold of one transaction of a provider.

The ledger first; the topics around the time of what is stored, or back to a given time where nothing is. Every search is
bounded in time and tells how far it came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from services.wallet.chain import verify_link
from services.wallet.decisions.common import same_money
from services.wallet.decisions.model import TOMBSTONE, Operation
from services.wallet.intake import may_expire, now_ms
from services.wallet.ledger.search import Ledger, open_ledger
from services.wallet.tools.conclusions import conclude
from services.wallet.tools.letters import open_letter, same_content, without_secrets
from services.wallet.tools.scan import Found, KafkaAwayError, TopicReader, reading
from services.wallet.tools.story import (
    CallbackSeen,
    CommandSeen,
    LetterSeen,
    OperationSeen,
    Story,
    balance_before,
    told_time,
)
from shared.contracts import CallbackRecord, Command, MoneyCommand
from shared.contracts.archive import CommandKey
from shared.contracts.codec import decode_callback, decode_command, decode_replies, encode
from shared.contracts.keys import keys_of
from shared.errors import ContractError, TopicError
from shared.identity import partition_of
from shared.kafka.topics import CALLBACKS, COMMANDS, DEAD_LETTERS, MINUTE_MS, REPLIES, Topic, TopicNames

BEFORE_MS: Final = 15 * MINUTE_MS
"""How long before its operation a command may have been sent: longer than any deadline, shorter than a search takes."""
SEEN_MAX: Final = 200
"""Commands, callbacks and letters that are kept, each."""
PLAYERS_MAX: Final = 5

T = TypeVar("T")


class Question(Struct, frozen=True, kw_only=True):
    """What is asked. Empty `player` and `account`: any. `since_ms`: how far the topics are searched where nothing is stored.

    `limit_s` is the limit of each search, in seconds.
    """

    external_id: str
    player: str = ""
    account: str = ""
    since_ms: int = 0
    limit_s: float = 30.0


class Sources(Struct, frozen=True, kw_only=True):
    """Where to look. Without `bootstrap_servers` the topics are left out."""

    database_url: str
    bootstrap_servers: str
    names: TopicNames


async def explain(question: Question, sources: Sources, progress: Callable[[str], None] = lambda _: None) -> Story:
    """The whole story. Errors of the database leave as asyncpg's and OSError; topics that cannot be read are told in `missing`."""
    story = Story(external_id=question.external_id, player=question.player, account=question.account)
    progress("ledger: looking for the operation")
    async with open_ledger(sources.database_url) as ledger:
        players = [question.player] if question.player else await _players(ledger, question, story)
        if not players:
            progress("archive: looking for the player")
            await _search(story, sources, CALLBACKS, lambda reader: _callbacks(reader, story, question, None, question.since_ms))
            players = list(dict.fromkeys(seen.player for seen in story.callbacks if seen.player))[:PLAYERS_MAX]
        for player in players:
            await _operations(ledger, story, question, player)
        if question.player:
            story.searched.append(f"ledger: the operations of player {question.player}, in all namespaces")
        since_ms = min((seen.operation.occurred_at_ms - BEFORE_MS for seen in story.operations), default=question.since_ms)
        await _topics(story, sources, question, players, since_ms, progress)
    _judge(story)
    conclude(story)
    return story


async def _players(ledger: Ledger, question: Question, story: Story) -> list[str]:
    swept = await ledger.sweep(question.external_id, question.account, question.limit_s)
    if swept.pages < swept.of_pages:
        back = f", back to about {told_time(swept.back_to_ms)}" if swept.back_to_ms else ""
        why = (
            "it was found there, another player may have the same id"
            if swept.found
            else "the time was up; name the player to search all"
        )
        story.searched.append(f"ledger: the newest {swept.pages:,} of {swept.of_pages:,} pages of operations{back} ({why})")
    else:
        story.searched.append("ledger: all operations")
    return list(dict.fromkeys(player for player, _ in swept.found))[:PLAYERS_MAX]


async def _operations(ledger: Ledger, story: Story, question: Question, player: str) -> None:
    head = await ledger.head(player)
    if head is None:
        story.missing.append(f"the ledger has no player {player}: is it the right brand?")
        return
    for operation in await ledger.by_external_id(player, question.external_id, question.account):
        before = await ledger.by_seq(player, operation.seq - 1) if operation.seq > 1 else None
        after = await ledger.by_seq(player, operation.seq + 1)
        seen = OperationSeen(
            operation=operation,
            balance_before=balance_before(operation),
            chain_problems=_chain(operation, before, after, head.chain_head if head.seq == operation.seq else ""),
            around=await ledger.around(operation),
            undone_by=await ledger.undone_by(player, operation.seq),
            undoes=await ledger.by_seq(player, operation.target_seq) if operation.target_seq else None,
        )
        if operation.status == TOMBSTONE and before is not None and before.kind == "rollback":
            seen.entombed_by = before
        story.operations.append(seen)


def _chain(operation: Operation, before: Operation | None, after: Operation | None, head: str) -> list[str]:
    """What does not fit around an operation. `head` is the end of the chain where the operation is the last one."""
    problems = []
    # Before the first operation here lies an archived one, if any: its hash is the anchor's, which comes with the operation.
    if not verify_link(before.hash if before else operation.previous_hash, operation):
        missing = f", and operation {operation.seq - 1} is not in the database" if before is None and operation.seq > 1 else ""
        problems.append(f"the hash of operation {operation.seq} is not that of its content after the hash before it{missing}")
    if after is not None and not verify_link(operation.hash, after):
        problems.append(f"operation {after.seq} does not follow from operation {operation.seq}")
    if head and head != operation.hash:
        problems.append(f"the player's chain does not end with operation {operation.seq}, although that is his last one")
    return problems


async def _topics(
    story: Story, sources: Sources, question: Question, players: Sequence[str], since_ms: int, progress: Callable[[str], None]
) -> None:
    progress("commands: looking for copies")
    of_players = {partition_of(player, COMMANDS.partitions) for player in players} or None
    await _search(story, sources, COMMANDS, lambda reader: _commands(reader, story, question, of_players, since_ms))
    if not story.callbacks:
        progress("archive: looking for the callbacks")
        accounts = {question.account} - {""} | {seen.operation.provider_account for seen in story.operations}
        keys = {*players, *accounts}
        partitions = {partition_of(key, CALLBACKS.partitions) for key in keys} if players and accounts else None
        await _search(story, sources, CALLBACKS, lambda reader: _callbacks(reader, story, question, partitions, since_ms))
    progress("dead letters: looking for letters")
    await _search(story, sources, DEAD_LETTERS, lambda reader: _letters(reader, story, question, since_ms))
    recent_ms = now_ms() - 2 * REPLIES_KEPT_MS
    if any(command.at_ms > recent_ms for command in story.commands):
        progress("replies: looking for the answers")
        await _search(story, sources, REPLIES, lambda reader: _replies(reader, story, question, max(since_ms, recent_ms)))


REPLIES_KEPT_MS: Final = int(REPLIES.config["retention.ms"])


async def _search(story: Story, sources: Sources, topic: Topic, work: Callable[[TopicReader], AsyncIterator[int]]) -> None:
    """One search of a topic, told in `searched`; in `missing` where it could not be done."""
    name = sources.names.of(topic)
    if not sources.bootstrap_servers:
        story.missing.append(f"{name}: Kafka's address is not known")
        return
    try:
        async with reading(sources.bootstrap_servers, sources.names, topic) as reader, _counted(work(reader)) as count:
            what = f"{name}: {reader.records_read:,} records, {count} of them about it"
            if reader.cut_at_ms:
                what += f"; the time was up at records of {told_time(reader.cut_at_ms)}"
            story.searched.append(what)
    except (KafkaAwayError, TopicError) as error:
        story.missing.append(str(error))


@asynccontextmanager
async def _counted(work: AsyncIterator[int]) -> AsyncIterator[int]:
    yield sum([count async for count in work])


async def _commands(
    reader: TopicReader, story: Story, question: Question, partitions: Iterable[int] | None, since_ms: int
) -> AsyncIterator[int]:
    needle = _needle(question.external_id)
    async for batch in reader.batches(partitions, since_ms=since_ms, limit_s=question.limit_s):
        for found in batch:
            if needle in found.value and len(story.commands) < SEEN_MAX:
                seen = _command(found, question)
                story.commands += seen
                yield bool(seen)


def _command(found: Found, question: Question) -> list[CommandSeen]:
    """A record as the commands in it that concern the id: one, or items of a list."""
    try:
        command = decode_command(found.value)
    except ContractError:
        return []  # it is among the dead letters
    if question.player not in {"", command.player} or question.account not in {"", command.provider_account}:
        return []
    return [
        CommandSeen(
            partition=found.partition,
            offset=found.offset,
            at_ms=found.timestamp_ms,
            kind=command.kind,
            player=command.player,
            provider_account=command.provider_account,
            namespace=key.namespace,
            external_id=key.external_id,
            command_id=command.command_id,
            deadline_ms=command.deadline_ms,
            names_it=key.external_id != question.external_id,
            expires=may_expire(command),
            content=without_secrets(msgspec.json.decode(encode(command))),
        )
        for key in keys_of(command)
        if _concerns(key, question.external_id)
    ]


def _concerns(key: CommandKey, external_id: str) -> bool:
    return external_id in {key.external_id, key.target_external_id}


def _needle(external_id: str) -> bytes:
    """The id as it stands in JSON text."""
    return encode(external_id)[1:-1]


async def _callbacks(
    reader: TopicReader, story: Story, question: Question, partitions: Iterable[int] | None, since_ms: int
) -> AsyncIterator[int]:
    needle = _needle(question.external_id)
    async for batch in reader.batches(partitions, since_ms=since_ms, limit_s=question.limit_s):
        for found in batch:
            if needle not in found.value or len(story.callbacks) >= SEEN_MAX:
                continue
            try:
                record = decode_callback(found.value)
            except ContractError:
                continue
            if _is_about(record, question):
                story.callbacks.append(_callback(record))
                yield 1


def _is_about(record: CallbackRecord, question: Question) -> bool:
    """By its keys; by its text where the gateway refused it before it was read."""
    if question.player and record.player and record.player != question.player:
        return False
    if question.account not in {"", record.provider_account}:
        return False
    named = record.external_id == question.external_id or any(_concerns(key, question.external_id) for key in record.keys)
    return named or (record.verdict == "refused" and question.external_id in record.request_body)


def _callback(record: CallbackRecord) -> CallbackSeen:
    return CallbackSeen(
        at_ms=record.received_at_ms,
        provider_account=record.provider_account,
        method=record.method,
        player=record.player,
        external_id=record.external_id,
        command_id=record.command_id,
        verdict=record.verdict,
        result=record.result,
        diagnosis=record.diagnosis,
        status=record.response_status,
        total_ms=record.total_us / 1_000,
        request=record.request_body,
        answer=record.response_body,
    )


async def _letters(reader: TopicReader, story: Story, question: Question, since_ms: int) -> AsyncIterator[int]:
    needle = _needle(question.external_id)
    async for batch in reader.batches(since_ms=since_ms, limit_s=question.limit_s):
        for found in batch:
            opened = open_letter(found)
            if opened is None or needle not in opened.raw or len(story.letters) >= SEEN_MAX:
                continue
            letter = opened.letter
            if opened.taken.command is not None and not _letter_is_about(opened.taken.command, question):
                continue
            story.letters.append(
                LetterSeen(
                    id=letter.id,
                    at_ms=letter.at_ms,
                    kind=letter.kind,
                    cause=letter.cause,
                    detail=letter.detail,
                    origin_partition=letter.origin_partition,
                    origin_offset=letter.origin_offset,
                )
            )
            yield 1


def _letter_is_about(command: Command, question: Question) -> bool:
    return (
        question.player in {"", command.player}
        and question.account in {"", command.provider_account}
        and any(_concerns(key, question.external_id) for key in keys_of(command))
    )


async def _replies(reader: TopicReader, story: Story, question: Question, since_ms: int) -> AsyncIterator[int]:
    """The wallet's answers to the commands that were found, as long as the topic keeps them (minutes)."""
    waiting = {command.command_id: command for command in story.commands if command.command_id}
    ids = {command_id: command_id.encode() for command_id in waiting}
    async for batch in reader.batches(since_ms=since_ms, limit_s=question.limit_s):
        for found in batch:
            if not any(each in found.value for each in ids.values()):
                continue
            try:
                replies = decode_replies(found.value).replies
            except ContractError:
                continue
            for reply in replies:
                if reply.command_id in waiting:
                    waiting[reply.command_id].result = reply.result + (" (a repetition)" if reply.replayed else "")
                    yield 1


def _judge(story: Story) -> None:
    """Brings together what the sources say of each command: content, answer, letter."""
    stored = {
        (s.operation.player, s.operation.provider_account, s.operation.namespace, s.operation.external_id): s
        for s in story.operations
    }
    results = {seen.command_id: seen.result for seen in story.callbacks if seen.command_id and seen.verdict == "answered"}
    letters = {(letter.origin_partition, letter.origin_offset): letter.id for letter in story.letters}
    for command in story.commands:
        command.result = command.result or results.get(command.command_id, "")
        command.letter = letters.get((command.partition, command.offset), "")
        seen = stored.get((command.player, command.provider_account, command.namespace, command.external_id))
        if seen is not None and not command.names_it and seen.operation.status != TOMBSTONE:
            command.same = _same(command, seen.operation)
    story.callbacks.sort(key=lambda each: each.at_ms)
    story.letters.sort(key=lambda each: each.at_ms)


def _same(seen: CommandSeen, stored: Operation) -> bool | None:
    try:
        command = decode_command(encode(seen.content))
    except ContractError:
        return None
    if command.kind in {"batch", "rollback_list"}:
        return None
    if isinstance(command, MoneyCommand):
        return same_money(stored, command, getattr(command, "stake", 0), getattr(command, "win", 0))
    return same_content(command, stored)
