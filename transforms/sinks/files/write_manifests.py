"""WriteManifests: publish the files of a bounded run, one manifest per window."""

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam

from transforms.sinks.files.files import LakeFile
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.publish import finish_window, publish_files


@dataclass(kw_only=True)
class WriteManifests(beam.PTransform[beam.PCollection[LakeFile], beam.PCollection[str]]):
    """Publish one manifest per window once all of a bounded run's files are staged; output the windows' names.

    Args:
        root: the root of the lake.
        run_id: the run; a window that has a manifest of this run is published already.
        replace: whether the files supersede those of earlier runs, or are added to them.
    """

    root: str
    run_id: str
    replace: bool = False

    def expand(self, pcoll: beam.PCollection[LakeFile]) -> beam.PCollection[str]:
        return (
            pcoll
            | "ByWindow" >> beam.Map(lambda file: (f"{file.feed}|{file.partition}", file))
            | "AllFiles" >> beam.GroupByKey()
            | "Manifest" >> beam.Map(_publish, self.root, self.run_id, self.replace)
        )


def _publish(keyed: tuple[str, Iterable[LakeFile]], root: str, run_id: str, replace: bool) -> str:
    window, files = keyed
    feed, partition = window.split("|")
    before = newest(root, feed, partition)
    if before is not None and run_id in before["run_ids"]:  # this bundle ran before
        finish_window(root, feed, partition, run_id)
    else:
        publish_files(root, files, run_id, replace=replace)
    return window
