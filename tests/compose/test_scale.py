"""More wallets and more gateways, and fewer again, while bets come in: nothing wrong is answered and the books agree."""

from collections.abc import Callable

from tests.compose.load import Load, load
from tests.compose.stack import ComposeStack
from tests.waiting import wait_until

Told = Callable[[str, object], None]

PARTITIONS = 24
SPREAD_LIMIT_S = 90
# Far above what is seen (one to a few seconds), for slow machines: a rebalance that hangs takes longer.
STALL_S_MAX = 40.0


def test_two_gateways_share_the_callbacks_and_one_goes_on_alone(stack: ComposeStack, record_property: Told) -> None:
    def answered() -> list[float]:
        return [stack.metric(each, "stakewire_gateway_callbacks_total") for each in stack.containers("gateway")]

    with load(stack.address("simulator", 8084)) as playing:
        stack.up("--no-recreate", "--scale", "gateway=2")
        # Connections that are open stay where they are: new players open new ones, to both. So this comes before anybody else
        # has played, whose idle connections to the one gateway they would take.
        with load(stack.address("simulator", 8084), players=16) as more:
            wait_until(lambda: all(answered()), "callbacks at both gateways", SPREAD_LIMIT_S)
            more.wait_for_more(50)
            up_s = playing.longest_stall_s
            stack.up("--no-recreate", "--scale", "gateway=1")
            more.wait_for_more(50)
        playing.wait_for_more(50)
        assert len(stack.containers("gateway")) == 1
    _tell(record_property, "gateways", up_s, playing)


def test_three_wallets_share_the_partitions_and_one_takes_them_back(stack: ComposeStack, record_property: Told) -> None:
    def shares() -> list[int]:
        return sorted(int(stack.metric(each, "stakewire_wallet_partitions")) for each in stack.containers("wallet"))

    # Players lie on partitions by chance: so many that none of three wallets is without any.
    with load(stack.address("simulator", 8084), players=64) as playing:
        stack.up("--no-recreate", "--scale", "wallet=3")
        wait_until(lambda: shares() == [8, 8, 8], "8 partitions for each of three wallets", SPREAD_LIMIT_S)
        playing.wait_for_more(50)
        answered = [stack.metric(each, "stakewire_wallet_commands_total") for each in stack.containers("wallet")]
        up_s = playing.longest_stall_s
        stack.up("--no-recreate", "--scale", "wallet=1")
        wait_until(lambda: shares() == [PARTITIONS], "all partitions at the one wallet that is left", SPREAD_LIMIT_S)
        playing.wait_for_more(50)
    assert all(answered), f"each of three wallets applied commands: {answered}"
    _tell(record_property, "wallets", up_s, playing)


def _tell(record_property: Told, what: str, up_s: float, playing: Load) -> None:
    whole_s, slowest_s = playing.longest_stall_s, playing.slowest_s()
    told = f"nothing came through for {up_s:.1f} s until there were more, {whole_s:.1f} s altogether; no callback above {slowest_s:g} s"
    record_property(f"longest stall with more and fewer {what}", told)
    print(f"{what}: {told}")  # noqa: T201 - see pytest -s.
    assert whole_s < STALL_S_MAX
