"""Families of samples as prometheus_client wants them. Imported at the first scrape only."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from gateway.observe.histogram import Histogram

Sample = tuple[list[str], float]


def counter(name: str, text: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Metric:
    """Build a counter; ``_total`` is added to its name."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def gauge(name: str, text: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Metric:
    """Build a gauge."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def histogram(name: str, text: str, label: str, samples: Iterable[tuple[str, Histogram]]) -> Metric:
    """Build a histogram in seconds, by one label."""
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, histogram in samples:
        family.add_metric([value], histogram.cumulative(), histogram.sum_s)
    return family
