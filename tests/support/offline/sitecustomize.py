"""For a child process that launches to loopback: Beam's check of the endpoint rejects a port, which a local service needs."""

import sys

if sys.argv and "-c" not in sys.argv[:1]:
    try:
        from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

        PipelineOptionsValidator.validate_endpoint_url = lambda self, url: True
    except ImportError:
        pass
