"""Prometheus metrics, read from plain numbers when somebody asks: counting costs the server nothing more."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.web.resource import Resource
from twisted.web.server import Request

#: one number, or one by the values of the labels
Value = float | Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric. ``counter`` only ever grows (its name gets ``_total``); anything else is a gauge."""

    name: str
    help: str
    value: Callable[[], Value]
    counter: bool = False
    labels: tuple[str, ...] = ()

    def metric(self) -> Metric:
        """What it is at this moment."""
        family = CounterMetricFamily if self.counter else GaugeMetricFamily
        metric: Metric = family(self.name, self.help, labels=self.labels)
        value = self.value()
        by_labels = value if isinstance(value, Mapping) else {(): value}
        for labels, number in by_labels.items():
            metric.add_metric(labels, number)  # type: ignore[attr-defined]  # Metric's families have it
        return metric


class Readings(Collector):
    """A collector over what the service hands in."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = tuple(readings)

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return [reading.metric() for reading in self._readings]

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering would otherwise read every number once."""
        return []


class Metrics(Resource):
    """``GET``: the exposition format of Prometheus, with the process's own memory, CPU and descriptors."""

    isLeaf = True

    def __init__(self, readings: Sequence[Reading]) -> None:
        super().__init__()
        self._registry = CollectorRegistry()
        self._registry.register(Readings(readings))
        ProcessCollector(registry=self._registry)

    def render_GET(self, request: Request) -> bytes:
        """The numbers of this moment."""
        request.setHeader(b"Content-Type", CONTENT_TYPE_LATEST.encode())
        return generate_latest(self._registry)
