"""The idempotency keys that a command carries: its own, or those of its items; and what its undos name."""

from __future__ import annotations

from shared.contracts.archive import CommandKey
from shared.contracts.commands import Command


def keys_of(command: Command) -> tuple[CommandKey, ...]:
    """One key of a single command, one an item of a list; none of a query.

    Account and player are the command's. A target is what an undo takes back, empty for all else.
    """
    items = getattr(command, "items", None)
    if items is not None:
        return tuple(
            CommandKey(
                kind=getattr(item, "kind", "rollback"),
                namespace=item.namespace,
                external_id=item.external_id,
                target_namespace=item.target_namespace,
                target_external_id=item.target_external_id,
            )
            for item in items
        )
    if not command.external_id:
        return ()
    return (
        CommandKey(
            kind=command.kind,
            namespace=command.namespace,
            external_id=command.external_id,
            target_namespace=getattr(command, "target_namespace", ""),
            target_external_id=getattr(command, "target_external_id", ""),
        ),
    )
