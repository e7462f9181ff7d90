"""Load every pickled function, coder, window function and trigger of a staged graph; run by the image's Python.

Usage: unpickle_graph.py pipeline.pb. Prints what it loaded as JSON; exit 1 names what did not load.
"""

import json
import sys

from apache_beam.internal import pickler
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_runner_api_pb2 as api
from apache_beam.runners.pipeline_context import PipelineContext

COMBINES = {
    common_urns.combine_components.COMBINE_PER_KEY_PRECOMBINE.urn,
    common_urns.composites.COMBINE_PER_KEY.urn,
}


def pickles(pipeline: api.Pipeline):
    """Yield kind, name and pickle of each user function."""
    for transform in pipeline.components.transforms.values():
        if transform.spec.urn == common_urns.primitives.PAR_DO.urn:
            function = api.ParDoPayload.FromString(transform.spec.payload).do_fn
            if function.urn == python_urns.PICKLED_DOFN_INFO:
                yield "functions", transform.unique_name, function.payload
        elif transform.spec.urn in COMBINES:
            function = api.CombinePayload.FromString(transform.spec.payload).combine_fn
            if function.urn == python_urns.PICKLED_COMBINE_FN:
                yield "combines", transform.unique_name, function.payload


def main(path: str) -> int:
    with open(path, "rb") as file:
        pipeline = api.Pipeline.FromString(file.read())
    pickler.set_library("cloudpickle")
    loaded = {"functions": 0, "combines": 0, "coders": 0, "windowing_strategies": 0}
    failed = []
    for kind, name, pickled in pickles(pipeline):
        try:
            pickler.loads(pickled)
            loaded[kind] += 1
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
    context = PipelineContext(pipeline.components)
    for kind in ("coders", "windowing_strategies"):
        for name in getattr(pipeline.components, kind):
            try:
                getattr(context, kind).get_by_id(name)
                loaded[kind] += 1
            except Exception as error:
                failed.append(f"{kind} {name}: {type(error).__name__}: {error}")
    artifacts = [
        api.ArtifactStagingToRolePayload.FromString(dependency.role_payload).staged_name
        for environment in pipeline.components.environments.values()
        for dependency in environment.dependencies
    ]
    print(json.dumps({"loaded": loaded, "failed": failed, "artifacts": artifacts}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
