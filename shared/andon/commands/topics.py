"""`andon topics`: the topics of a line."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from andon.kafka.admin import create_topics
from andon.settings import ServiceSettings, load
from andon.topics import ALL, MIB, Topic

app = typer.Typer(help="The Kafka topics of a line: list them, create them.", no_args_is_help=True)


@app.command("list")
def list_topics() -> None:
    """Show every topic: its key, what it holds and how long Kafka keeps it. Needs no Kafka."""
    table = Table("topic", "key", "holds", "kept", "largest record")
    for topic in ALL:
        table.add_row(topic.name, topic.key, topic.holds, _kept(topic), f"{topic.max_message_bytes / MIB:g} MiB")
    Console().print(table)


@app.command("create")
def create(
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of every topic that is keyed by station.")] = 12,
    replication: Annotated[int, typer.Option(min=1, help="Copies; 3 in production, 1 on one broker.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Create the topics that are missing; existing ones are compared and left alone.

    Example: ANDON_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 andon topics create --partitions 24 --replication 3
    """
    made = create_topics(load(ServiceSettings).kafka, ALL, partitions, replication)
    if as_json:
        sys.stdout.write(json.dumps([asdict(each) for each in made]) + "\n")
        return
    table = Table("topic", "partitions", "state", "differs from what Andon would make")
    for each in made:
        table.add_row(each.name, str(each.partitions), each.state, "\n".join(each.differs))
    Console().print(table)


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "last of each key"
    hours = (topic.retention_ms or 0) // 3_600_000
    kept = f"{hours // 24} d" if hours % 24 == 0 else f"{hours} h"
    return f"{kept}, {topic.retention_bytes // (1024 * MIB)} GiB" if topic.retention_bytes else kept
