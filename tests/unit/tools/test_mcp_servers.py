"""Given servers that end, when they are started again, then the later the oftener they ended soon."""

from __future__ import annotations

from sensorium.tools.mcp_servers import again_after_s


def test_a_server_that_lived_long_is_started_again_at_once_and_one_that_keeps_ending_seldom() -> None:
    assert again_after_s(0) == again_after_s(1) == 0.5
    waits = [again_after_s(num_short) for num_short in range(1, 9)]
    assert waits == sorted(waits) and waits[:4] == [0.5, 2.0, 10.0, 60.0] and waits[-1] == 60.0
