"""The distribution: three packages, one console script, what they need (requirements.txt says why)."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """Return the requirements of a file without its comments."""
    lines = (line.split("#")[0].strip() for line in (HERE / name).read_text().splitlines())
    return [line for line in lines if line and not line.startswith("-")]


setup(
    name="event-pipelines",
    version="0.1.0",
    description="Apache Beam pipelines from an event bus to BigQuery, a lake and a dead-letter store.",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    package_dir={"": "."},  # an editable install is then a plain path, not a finder of imports that warns of itself
    packages=find_packages(include=["schemas", "schemas.*", "transforms", "transforms.*", "pipelines", "pipelines.*"]),
    package_data={"schemas": ["views/*.sql"], "pipelines": ["**/*.sql", "**/*.css", "**/*.js", "**/*.html"]},
    install_requires=requirements("requirements.txt"),
    extras_require={
        "dev": requirements("requirements-dev.txt"),
        # engines that `make bench` compares with, each in a venv of its own (benchmarks/extras.py): they exclude each other
        "bench-bytewax": ["bytewax==0.21.1"],
        "bench-pathway": ["pathway==0.33.0"],
        "bench-pyflink": ["apache-flink==2.3.0", "setuptools<81"],
    },
    entry_points={"console_scripts": ["event-pipelines=pipelines.cli.main:main"]},
)
