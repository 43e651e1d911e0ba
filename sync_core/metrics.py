"""Figures that this process counts as it works, for `/metrics`; web/metrics.py asks for the others.

Their labels are the stores of the settings and closed sets of words, so there is a bounded number.
"""

from prometheus_client import Counter, Gauge, Histogram

# Seconds. Usual is some 0.1 s for the one and some seconds for the other; minutes are trouble.
WAIT_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800)
UPDATE_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)

ROLE_MISSING = Gauge("tipo_role_missing", "1: no process has had this role lately", ["role"])
DELIVERIES = Counter("tipo_deliveries", "Webhooks by store and HTTP status", ["store", "answer"])
DELIVERY_WAIT = Histogram(
    "tipo_delivery_wait_seconds",
    "From the arrival of a webhook until it is accounted for",
    ["store"],
    buckets=WAIT_BUCKETS,
)
UPDATE = Histogram(
    "tipo_update_seconds",
    "From the planning of a batch until the store has taken it",
    ["store"],
    buckets=UPDATE_BUCKETS,
)
BATCH_ANSWERS = Counter(
    "tipo_batch_answers", "What stores answered to batches: taken, or why not", ["store", "answer"]
)
