"""What the launcher's words become: the command's options and Beam's, and one line for each mistake in them."""

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, SetupOptions, StandardOptions

from pipelines.dataflow.arguments import split_words, template_of
from pipelines.dataflow.launcher_main import beam_options, main
from pipelines.dataflow.templates import TEMPLATES
from pipelines.errors import UserError
from tests.support.launcher import IMAGE, launcher_words
from tests.support.templates import PARAMETERS


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch):
    """Beam looks at the temp bucket when a pipeline is made; nothing is asked of anybody here."""
    monkeypatch.setattr(GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda self, name: False)


ENVIRONMENT = {"tempLocation": "gs://temp/t", "sdkContainerImage": IMAGE}
STREAMING = TEMPLATES["streaming"]


def words(more: dict[str, str] | None = None, template: str = "streaming", **environment: object) -> list[str]:
    return launcher_words({**PARAMETERS[template], **(more or {})}, {**ENVIRONMENT, **environment}, "job-1")


def test_the_dispatch_names_the_template():
    assert template_of(words()) is STREAMING
    assert template_of(words(template="replay")) is TEMPLATES["replay"]


def test_parameters_become_the_commands_options():
    values, beam_words = split_words(STREAMING, words())
    assert values["accept_cloudevents"] is True
    assert values["window_seconds"] == 60
    assert values["project"] == "my-project"
    assert not [word for word in beam_words if word.startswith(("--orders", "--lake", "--pipeline"))]
    assert f"--sdk_container_image={IMAGE}" in beam_words


@pytest.mark.parametrize(("value", "wanted"), [("true", True), ("false", False)], ids=str)
def test_a_flag_is_true_or_false(value, wanted):
    assert split_words(STREAMING, words({"accept_cloudevents": value}))[0]["accept_cloudevents"] is wanted


def test_a_list_has_commas():
    values, _ = split_words(TEMPLATES["replay"], words({"topics": "orders,customers"}, "replay"))
    assert values["topics"] == ["orders", "customers"]


def test_an_empty_parameter_is_none_given():
    values, _ = split_words(TEMPLATES["replay"], words({"entity": "", "at": ""}, "replay"))
    assert (values["entity"], values["at"]) == (None, None)


def test_beams_options_are_the_templates():
    options = beam_options(STREAMING, split_words(STREAMING, words())[1])
    assert options.view_as(StandardOptions).streaming is True
    assert options.view_as(SetupOptions).save_main_session is False
    replay = TEMPLATES["replay"]
    options = beam_options(replay, split_words(replay, words(template="replay"))[1])
    assert not options.view_as(StandardOptions).streaming


MISTAKES = {
    "a misspelt option": (lambda: words({"windows_seconds": "60"}), "--windows_seconds"),
    "no dispatch": (lambda: [word for word in words() if "--pipeline" not in word], "--pipeline"),
    "a template that is none": (lambda: words({"pipeline": "batch"}), "--pipeline"),
    "a flag that is neither": (lambda: words({"accept_cloudevents": "yes"}), "--accept_cloudevents yes"),
    "a bad number": (lambda: words({"window_seconds": "7"}), "7 does not divide an hour"),
    "a laptop's option": (lambda: words({"output": "/tmp/x"}), "--output: is not a parameter"),
    "no image": (lambda: [word for word in words() if "sdk_container" not in word], "--sdk_container_image"),
    "no place for temp files": (lambda: [word for word in words() if "temp_loc" not in word], "--temp_location"),
    "no subscription": (
        lambda: [word for word in words() if not word.startswith(("--orders", "--iot_events"))],
        "at least one subscription",
    ),
    "a bad subscription": (lambda: words({"orders": "projects/p/subscriptions/x"}), "p"),
    "no secret's name": (lambda: words({"pii_key_secret": "my-key"}), "--pii_key_secret my-key"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_submitted(capsys, mistake):
    make, named = MISTAKES[mistake]
    assert main(make()) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert named in err[-1]
    assert err[-1].startswith("event-pipelines template: ")


def test_the_parser_itself_raises_and_does_not_exit():
    with pytest.raises(UserError):
        split_words(STREAMING, words({"bigquery_method": "MAGIC"}))
