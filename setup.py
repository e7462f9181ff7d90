"""What pyproject.toml cannot say: requirements with their reasons as comments, and extras that exclude each other.

Everything else about the distribution is in pyproject.toml. Dataflow's `--setup_file` and old tools find this file.
"""

from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """Return the requirements of a file without their comments."""
    lines = (line.split("#")[0].strip() for line in (HERE / name).read_text().splitlines())
    return [line for line in lines if line and not line.startswith("-")]


setup(
    install_requires=requirements("requirements.txt"),
    extras_require={
        # The feeds as Apache Iceberg tables (docs/iceberg.md); sql-sqlite is the catalog of a laptop. The commit uses its
        # table format API: a minor version may change that.
        "iceberg": ["pyiceberg[sql-sqlite]>=0.12,<0.13"],
        "dev": [*requirements("requirements-api.txt"), *requirements("requirements-dev.txt")],
        # `event-pipelines serve`: the Analytics API. Its own image installs this list alone.
        "api": requirements("requirements-api.txt"),
        # IAM authentication to Cloud SQL: --read_model postgresql://USER@/DATABASE?cloud_sql=PROJECT:REGION:INSTANCE
        "cloud-sql": requirements("requirements-cloud-sql.txt"),
        # Engines that `make bench` compares with, each in an environment of its own (benchmarks/extras.py).
        "bench-bytewax": ["bytewax==0.21.1"],
        "bench-pathway": ["pathway==0.33.0"],
        "bench-pyflink": ["apache-flink==2.3.0", "setuptools<81"],
    },
)
