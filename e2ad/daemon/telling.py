"""Who in this process hears of mail that was just committed: sockets, webhooks, and whoever asks the model."""

from collections.abc import Callable, Sequence

from e2ad.delivery.hub import Hub
from e2ad.gateway.intake import StoredArrival
from e2ad.workers.runner import Runner
from e2ad.workers.screening import ScreeningWorker

__all__ = ["telling"]


def telling(hub: Hub, webhooks: Runner, screening: ScreeningWorker) -> Callable[[Sequence[StoredArrival]], None]:
    """What the intake calls after each commit. It does not wait; other processes learn by NOTIFY or poll."""

    def on_stored(arrivals: Sequence[StoredArrival]) -> None:
        hub.publish(
            arrival.stream_event()
            for arrival in arrivals
            if arrival.is_announced and hub.wants(arrival.message.account_id)
        )
        if any(arrival.waits for arrival in arrivals):
            screening.kick()
        if any(arrival.deliveries for arrival in arrivals):
            webhooks.kick(arrival.message.event_id for arrival in arrivals)

    return on_stored
