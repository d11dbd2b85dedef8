"""The JSON Schema that editors use is what the classes say, and agrees with the reader."""

import json
from functools import cache

import jsonschema
import pytest
from broken_models import CASES
from hypothesis import given, settings
from strategies import systems

from threatkit.modelfile import _plain, dumps, json_schema, samples
from threatkit.vocabulary import data_path, vocabulary
from threatkit.yamltext import parse_yaml, read_yaml


@cache
def validator() -> jsonschema.Draft7Validator:
    schema = json.loads(data_path("schema", "threatkit-model-1.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def test_the_committed_schema_is_what_the_classes_say():
    committed = data_path("schema", "threatkit-model-1.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", "run `make schema`"


@pytest.mark.parametrize("name", samples())
def test_a_sample_passes_the_schema(name):
    document = read_yaml(data_path("models", f"{name}.yaml"))
    assert not document.problems
    validator().validate(document.value)


@settings(max_examples=40, deadline=None)
@given(systems())
def test_the_schema_accepts_what_the_reader_accepts(system):
    validator().validate(_plain(system.to_dict()))
    validator().validate(parse_yaml(dumps(system)).value)


@pytest.mark.parametrize("case", [case for case in CASES if case.schema], ids=lambda case: case.name)
def test_the_schema_refuses_what_is_wrong_by_itself(case):
    text = case.content if isinstance(case.content, str) else case.content.decode("utf-8-sig")
    assert not validator().is_valid(parse_yaml(text).value)


@pytest.mark.parametrize(
    "text",
    [
        "{threatkit: 1, name: A, data: , boundaries: , elements: , flows: , assumptions: }",
        "{threatkit: 1, name: A, description: , data: {a: , b: {}}, boundaries: {c: }}",
        "{threatkit: 1, name: A, elements: {a: {kind: llm, controls: tls, without: shell, holds: pii, properties: }}}",
        "{threatkit: 1, name: A, elements: {a: {kind: llm, complete: controls}, b: {kind: tool, holds: []}}}",
        "{threatkit: 1, name: A, data: {a: {personal: unknown, classification: ~}, b: {classes: pii}}}",
    ],
)
def test_short_forms_pass_reader_and_schema(text):
    from threatkit.modelfile import loads

    assert loads(text)
    validator().validate(parse_yaml(text).value)


def test_every_word_carries_its_meaning():
    definitions = json_schema()["definitions"]
    for section in ("kinds", "properties", "controls", "flow_kinds", "content_trust", "trust_levels", "protocols"):
        assert definitions[section]["enum"] == [*vocabulary()[section]]
        assert all(said.endswith(".") for said in definitions[section]["enumDescriptions"])
        assert len(definitions[section]["enumDescriptions"]) == len(definitions[section]["enum"])


def test_every_reference_in_the_schema_leads_somewhere():
    def references(part):
        if isinstance(part, dict):
            yield from [part["$ref"]] if "$ref" in part else []
        for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from references(value)

    schema = json_schema()
    assert {name.removeprefix("#/definitions/") for name in references(schema)} == set(schema["definitions"])
