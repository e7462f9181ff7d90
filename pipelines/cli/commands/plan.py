"""The command `plan`: estimate the resources that an event rate needs on Dataflow and BigQuery, and the first limit."""

import argparse
import json
from dataclasses import asdict

from pipelines.capacity import Capacity, Load, Measured, capacity
from pipelines.errors import UserError


def run(args: argparse.Namespace) -> int:
    """Print the plan of each rate."""
    base = Measured()
    grown = args.message_bytes / base.message_bytes
    measured = Measured(
        cpu_seconds_per_million=args.cpu_per_million,
        streaming_factor=args.streaming_factor,
        message_bytes=args.message_bytes,
        shuffle_bytes=base.shuffle_bytes * grown,
        bigquery_bytes=base.bigquery_bytes * grown,
        lake_bytes=base.lake_bytes * grown,
    )
    try:
        plans = [
            capacity(
                Load(
                    rate,
                    dedup_horizon_seconds=args.dedup_horizon,
                    vcpus_per_worker=args.vcpus_per_worker,
                    utilization=args.utilization,
                ),
                measured,
            )
            for rate in args.rate
        ]
    except ValueError as error:
        raise UserError(f"--{error}") from None
    if args.format == "json":
        print(
            json.dumps(
                [{**asdict(plan), "binding": [limit.name for limit in plan.binding]} for plan in plans], indent=2
            )
        )
    else:
        print(table(plans))
    return 0


def table(plans: list[Capacity]) -> str:
    """Return the plans side by side, and the limits that each exceeds."""
    rows = [
        ("events per second", [f"{plan.load.rate:,.0f}" for plan in plans]),
        ("vCPUs used", [f"{plan.vcpus:,.1f}" for plan in plans]),
        ("workers (--max_workers)", [f"{plan.workers:,}" for plan in plans]),
        ("shards of ids (--dedup_shards)", [f"{plan.shards:,}" for plan in plans]),
        ("Pub/Sub, MB/s", [f"{plan.pubsub_mb_s:,.1f}" for plan in plans]),
        ("shuffled (Streaming Engine), MB/s", [f"{plan.shuffle_mb_s:,.1f}" for plan in plans]),
        ("BigQuery Storage Write, MB/s", [f"{plan.bigquery_mb_s:,.1f}" for plan in plans]),
        ("BigQuery storage, TB per month", [f"{plan.bigquery_tb_month:,.2f}" for plan in plans]),
        ("lake, TB per month", [f"{plan.lake_tb_month:,.2f}" for plan in plans]),
        ("state of ids, GB", [f"{plan.dedup_state_gb:,.2f}" for plan in plans]),
        ("Storage Write connections", [f"{plan.append_connections:,}" for plan in plans]),
    ]
    lines = [f"{name:<36}" + "".join(f"{value:>14}" for value in values) for name, values in rows]
    lines.append("")
    for plan in plans:
        tightest = max(plan.limits, key=lambda limit: limit.share)
        head = f"{plan.load.rate:,.0f}/s: "
        if not plan.binding:
            lines.append(f"{head}no limit is exceeded; the next is {tightest.name} ({tightest.share:.0%} used)")
        lines += [
            f"{head}{limit.name}: {limit.use:,.0f} of {limit.limit:,.0f} {limit.unit}. Change: {limit.change}"
            for limit in plan.binding
        ]
    return "\n".join(lines)
