"""Each known safe design: its check passes on a right system and fails, with a witness, on each breaking change."""

from __future__ import annotations

import pytest

from tests.systems import renamed, shuffled
from threatkit import analyze, draw, incident, incidents, sample, samples
from threatkit.modelfile import loads
from threatkit.safe_designs import DESIGNS, design, designs

HEAD = """
threatkit: 1
name: Safe
boundaries:
  net: {trust: untrusted}
  us: {trust: trusted}
  vendor: {trust: vendor}
"""

# design id -> (the right system, {what the change is: change of the system})
DUAL = (
    HEAD
    + """
elements:
  page: {kind: external_entity, in: net}
  person: {kind: user, in: us}
  quarantined: {kind: llm, in: us}
  controller: {kind: process, in: us, properties: [], complete: [properties, controls]}
  privileged: {kind: agent, in: us, complete: [properties]}
  mailer: {kind: tool, in: us, properties: [send_message], controls: [argument_validation]}
flows:
  - {id: read, from: page, to: quarantined, content: untrusted}
  - {id: label, from: quarantined, to: controller, content: model_generated, controls: [output_schema_validation]}
  - {id: task, from: person, to: privileged, content: trusted}
  - {id: choice, from: controller, to: privileged}
  - {id: send, from: privileged, to: mailer, kind: call, content: model_generated}
"""
)
CAMEL = (
    HEAD
    + """
elements:
  page: {kind: external_entity, in: net}
  person: {kind: user, in: us}
  planner: {kind: llm, in: us}
  quarantined: {kind: llm, in: us}
  interpreter: {kind: process, in: us, complete: [properties]}
  mailer: {kind: tool, in: us, properties: [send_message]}
  files: {kind: tool, in: us, properties: [delete]}
flows:
  - {id: ask, from: person, to: planner, content: trusted}
  - {id: plan, from: planner, to: interpreter, content: model_generated}
  - {id: read, from: page, to: quarantined, content: untrusted}
  - {id: value, from: quarantined, to: interpreter, content: model_generated, controls: [output_schema_validation]}
  - {id: send, from: interpreter, to: mailer, kind: call, controls: [policy_engine, content_provenance_labels]}
  - {id: tidy, from: interpreter, to: files, kind: call, controls: [policy_engine, content_provenance_labels]}
"""
)
TRIFECTA = (
    HEAD
    + """
elements:
  page: {kind: external_entity, in: net}
  reader: {kind: agent, in: us, complete: [properties]}
  clerk: {kind: agent, in: us, complete: [properties]}
  records: {kind: datastore, in: us, holds: [pii]}
  mailer: {kind: tool, in: us, properties: [send_message], complete: [properties]}
  wall: {kind: process, in: us, complete: [properties]}
  host: {kind: third_party_service, in: net}
flows:
  - {id: read, from: page, to: reader, content: untrusted, carries: [public]}
  - {id: note, from: reader, to: wall, carries: [public]}
  - {id: file, from: records, to: reader, content: trusted, carries: [pii]}
  - {id: look, from: records, to: clerk, content: trusted, carries: [pii]}
  - {id: send, from: clerk, to: mailer, kind: call, carries: [public]}
"""
)
APPROVED = (
    HEAD
    + """
elements:
  page: {kind: external_entity, in: net}
  agent: {kind: agent, in: us, complete: [properties]}
  records: {kind: datastore, in: us, holds: [pii]}
  eraser: {kind: tool, in: us, properties: [delete], complete: [properties]}
flows:
  - {id: read, from: page, to: agent, content: untrusted, carries: [public]}
  - {id: look, from: records, to: agent, content: trusted, carries: [pii]}
  - {id: erase, from: agent, to: eraser, kind: call, carries: [public], controls: [human_approval, action_preview_full]}
"""
)
SELECTOR = (
    HEAD
    + """
elements:
  person: {kind: user, in: net}
  selector: {kind: llm, in: us}
  lights: {kind: tool, in: us, properties: [device_control]}
  screen: {kind: process, in: us, complete: [properties]}
flows:
  - {id: ask, from: person, to: selector, content: untrusted}
  - {id: choose, from: selector, to: lights, kind: call, controls: [output_schema_validation]}
  - {id: state, from: lights, to: screen}
"""
)
PLAN = (
    HEAD
    + """
elements:
  page: {kind: external_entity, in: net}
  person: {kind: user, in: us}
  planner: {kind: llm, in: us}
  executor: {kind: process, in: us, complete: [properties]}
  fetch: {kind: tool, in: us, properties: [web_fetch], complete: [properties]}
  report: {kind: datastore, in: us}
flows:
  - {id: ask, from: person, to: planner, content: trusted}
  - {id: plan, from: planner, to: executor, kind: call, content: model_generated}
  - {id: get, from: executor, to: fetch, kind: call}
  - {id: text, from: page, to: fetch, content: untrusted}
  - {id: result, from: fetch, to: executor}
  - {id: write, from: executor, to: report}
"""
)
MAP = (
    HEAD
    + """
elements:
  mails: {kind: external_entity, in: net}
  one: {kind: llm, in: us}
  two: {kind: llm, in: us}
  reducer: {kind: llm, in: us}
  notes: {kind: datastore, in: us}
flows:
  - {id: mail1, from: mails, to: one, content: untrusted}
  - {id: mail2, from: mails, to: two, content: untrusted}
  - {id: score1, from: one, to: reducer, controls: [output_schema_validation]}
  - {id: score2, from: two, to: reducer, controls: [output_schema_validation]}
  - {id: sum, from: reducer, to: notes}
"""
)
CODE = (
    HEAD
    + """
elements:
  person: {kind: user, in: us}
  page: {kind: external_entity, in: net}
  writer: {kind: llm, in: us}
  runner: {kind: tool, in: us, properties: [code_exec], controls: [sandboxed_execution, egress_allowlist]}
  data: {kind: datastore, in: us}
flows:
  - {id: ask, from: person, to: writer, content: trusted}
  - {id: program, from: writer, to: runner, kind: call, content: model_generated}
  - {id: fill, from: page, to: data, content: untrusted}
  - {id: input, from: data, to: runner}
"""
)
MINIMAL = (
    HEAD
    + """
elements:
  person: {kind: user, in: net}
  translator: {kind: process, in: us, complete: [properties]}
  catalogue: {kind: datastore, in: us, holds: [public]}
  writer: {kind: llm, in: us}
flows:
  - {id: ask, from: person, to: translator, content: untrusted}
  - {id: query, from: translator, to: catalogue, controls: [output_schema_validation]}
  - {id: rows, from: catalogue, to: writer}
  - {id: reply, from: writer, to: person, content: model_generated}
"""
)
FLOWCONTROL = (
    HEAD
    + """
elements:
  page: {kind: external_entity, in: net}
  agent: {kind: agent, in: us, complete: [properties]}
  mailer: {kind: tool, in: us, properties: [send_message]}
  partner: {kind: mcp_server, in: vendor, properties: [write_external]}
flows:
  - {id: read, from: page, to: agent, content: untrusted, carries: [public]}
  - {id: send, from: agent, to: mailer, kind: call, carries: [public],
     controls: [content_provenance_labels, policy_engine]}
  - {id: share, from: agent, to: partner, kind: call, carries: [pii],
     controls: [content_provenance_labels, policy_engine]}
"""
)
MEDIATED = (
    HEAD
    + """
elements:
  agent: {kind: agent, in: us, complete: [properties]}
  query: {kind: tool, in: us, properties: [], complete: [properties]}
  records: {kind: datastore, in: us, holds: [pii]}
flows:
  - {id: ask, from: agent, to: query, kind: call}
  - {id: select, from: query, to: records, controls: [user_delegated_authz]}
  - {id: rows, from: records, to: query, controls: [user_delegated_authz]}
  - {id: answer, from: query, to: agent}
"""
)
RENDER = (
    HEAD
    + """
elements:
  agent: {kind: agent, in: us}
  ui: {kind: process, in: us, properties: [renders_remote_content]}
flows:
  - {id: show, from: agent, to: ui, content: model_generated, controls: [output_link_allowlist, output_encoding]}
"""
)
SANDBOX = (
    HEAD
    + """
elements:
  agent: {kind: agent, in: us, complete: [properties]}
  runner: {kind: tool, in: us, properties: [code_exec], controls: [sandboxed_execution]}
  vault: {kind: secrets_store, in: us, holds: [credentials]}
  host: {kind: third_party_service, in: net}
flows:
  - {id: run, from: agent, to: runner, kind: call}
  - {id: result, from: runner, to: agent}
"""
)
MEMORY = (
    HEAD
    + """
elements:
  page: {kind: external_entity, in: net}
  agent: {kind: agent, in: us}
  notes: {kind: memory, in: us, controls: [memory_isolation]}
flows:
  - {id: read, from: page, to: agent, content: untrusted}
  - {id: keep, from: agent, to: notes, content: model_generated, controls: [memory_write_gate]}
  - {id: recall, from: notes, to: agent, controls: [content_provenance_labels]}
"""
)
SUPPLY = (
    HEAD
    + """
elements:
  hub: {kind: model_registry, in: net}
  server: {kind: llm, in: us}
  plugin: {kind: plugin, in: us, properties: [auto_update], controls: [tool_description_pinning]}
flows:
  - {id: weights, from: hub, to: server, kind: supply, carries: [model_weights],
     controls: [artifact_signing, dependency_pinning, safe_serialization]}
"""
)


def without(place, control):
    """The control is known to be missing at the place."""

    def change(system):
        kept = [c for c in system[place].controls if c != control]
        system.replace(place, controls=kept, without=[*system[place].without, control])

    return change


def flow(*ends, **attributes):
    return lambda system: system.flow("new", *ends, **attributes)


def said(place, **attributes):
    return lambda system: system.replace(place, **attributes)


CASES = {
    "SD-01": (TRIFECTA, {
        "the reader gets the mail tool": flow("reader", "mailer", kind="call", carries=["public"]),
        "what the reader writes is sent out": flow("wall", "host", carries=["public"]),
        "the clerk reads the page": flow("page", "clerk", carries=["public"]),
        "both share a memory": lambda s: (
            s.element("shared", "memory", boundary="us"),
            s.flow("put", "reader", "shared", carries=["public"]),
            s.flow("take", "shared", "clerk", carries=["public"]),
        ),
    }),
    "SD-02": (APPROVED, {
        "nobody approves": without("erase", "human_approval"),
        "the preview is cut": without("erase", "action_preview_full"),
        "a second, unapproved effect": flow("agent", "eraser", kind="call", carries=["public"]),
    }),
    "SD-03": (DUAL, {
        "the form is free text": without("label", "output_schema_validation"),
        "the privileged model reads the page": flow("page", "privileged"),
        "the quarantined model gets a tool": flow("quarantined", "mailer", kind="call"),
        "the quarantined model talks to the privileged one": flow("quarantined", "privileged"),
    }),
    "SD-04": (CAMEL, {
        "the planner reads the page": flow("page", "planner"),
        "a model calls a tool past the interpreter": flow("planner", "mailer", kind="call"),
        "no policy on a call": without("send", "policy_engine"),
        "no labels on a call": without("tidy", "content_provenance_labels"),
        "what was read is free text": without("value", "output_schema_validation"),
    }),
    "SD-05": (SELECTOR, {
        "the result gets back": flow("lights", "selector"),
        "the result gets back by the screen": flow("screen", "selector"),
        "the choice is free text": without("choose", "output_schema_validation"),
    }),
    "SD-06": (PLAN, {
        "the result gets back to the planner": flow("executor", "planner"),
        "a tool talks to the planner": flow("fetch", "planner"),
        "the planner reads the page": flow("page", "planner"),
    }),
    "SD-07": (MAP, {
        "a result is free text": without("score1", "output_schema_validation"),
        "workers share a store": lambda s: (s.flow("n1", "one", "notes"), s.flow("n2", "two", "notes")),
        "a worker has a tool": lambda s: (
            s.element("mailer", "tool", boundary="us", properties=["send_message"]),
            s.flow("send", "one", "mailer", kind="call"),
        ),
    }),
    "SD-08": (CODE, {
        "the writer reads the page": flow("page", "writer"),
        "the writer reads the data": flow("data", "writer"),
        "no sandbox": without("runner", "sandboxed_execution"),
        "open egress": without("runner", "egress_allowlist"),
    }),
    "SD-09": (MINIMAL, {
        "the question reaches the writer": flow("translator", "writer"),
        "the query is free text": without("query", "output_schema_validation"),
    }),
    "SD-10": (FLOWCONTROL, {
        "no policy": without("send", "policy_engine"),
        "no labels": without("share", "content_provenance_labels"),
        "another call": flow("agent", "partner", kind="call", carries=["pii"], without=["policy_engine"]),
    }),
    "SD-11": (MEDIATED, {
        "a direct way": flow("records", "agent"),
        "reads are not checked": without("rows", "user_delegated_authz"),
        "one account for all": said("query", properties=["shared_service_account"]),
    }),
    "SD-12": (RENDER, {
        "links go anywhere": without("show", "output_link_allowlist"),
        "nothing is encoded": without("show", "output_encoding"),
    }),
    "SD-13": (SANDBOX, {
        "no sandbox": without("runner", "sandboxed_execution"),
        "a way out": flow("runner", "host"),
        "keys come in": flow("vault", "runner", carries=["credentials"]),
    }),
    "SD-14": (MEMORY, {
        "no gate": without("keep", "memory_write_gate"),
        "a second way in": flow("page", "notes", without=["memory_write_gate"]),
        "no labels": without("recall", "content_provenance_labels"),
        "one memory for all": without("notes", "memory_isolation"),
    }),
    "SD-15": (SUPPLY, {
        "no signature": without("weights", "artifact_signing"),
        "not pinned": without("weights", "dependency_pinning"),
        "a pickle": without("weights", "safe_serialization"),
        "an update without approval": without("plugin", "tool_description_pinning"),
        "another delivery": flow("hub", "server", kind="supply", carries=["code"], without=["artifact_signing"]),
    }),
}  # fmt: skip


def test_every_design_has_a_right_system_and_changes_that_break_it():
    assert set(CASES) == {entry.id for entry in DESIGNS}


@pytest.mark.parametrize("id", CASES)
def test_the_right_system_passes(id):
    check = design(loads(CASES[id][0]), id)
    assert check.holds is True, check.violations


@pytest.mark.parametrize(("id", "change"), [(id, change) for id, (_, changes) in CASES.items() for change in changes])
def test_each_breaking_change_fails_with_a_real_path(id, change):
    system = loads(CASES[id][0])
    CASES[id][1][change](system)
    check = design(system, id)
    assert check.holds is False, check
    assert check.witness
    elements, flows = check.witness[::2], check.witness[1::2]
    assert all(element in system.elements for element in elements)
    for source, flow_id, target in zip(elements[:-1], flows, elements[1:], strict=True):
        assert (system.flows[flow_id].source, system.flows[flow_id].target) == (source, target)


@pytest.mark.parametrize(
    ("id", "place", "control"),
    [
        ("SD-12", "show", "output_encoding"),
        ("SD-14", "keep", "memory_write_gate"),
        ("SD-15", "weights", "artifact_signing"),
    ],
)
def test_a_control_that_nobody_spoke_of_leaves_the_design_unknown(id, place, control):
    system = loads(CASES[id][0])
    system.replace(place, controls=[c for c in system[place].controls if c != control])
    assert design(system, id).holds is None


@pytest.mark.parametrize("name", samples())
def test_names_and_order_do_not_matter(name):
    system = sample(name)
    twin, _ = renamed(system)
    results = [[(check.id, check.holds, len(check.violations)) for check in designs(s)] for s in (system, twin)]
    assert results[0] == results[1]
    assert [check.holds for check in designs(shuffled(system))] == [check.holds for check in designs(system)]


# -- what a check says to people ---------------------------------------------------------------------


def test_the_twelve_designs_that_people_ask_for_are_there():
    names = " ".join(entry.name for entry in DESIGNS).lower()
    for wanted in (
        "lethal trifecta", "rule of two", "dual llm", "camel-like mediation", "action selector", "plan then execute",
        "map-reduce", "gated memory", "render-safe", "network-less sandbox", "verified supply", "complete mediation",
    ):  # fmt: skip
        assert wanted in names


@pytest.mark.parametrize("system", [*samples(), *(case.slug for case in incidents())])
def test_what_is_unknown_carries_its_question_and_what_fails_a_witness_that_can_be_lit(system):
    model = sample(system) if system in samples() else incident(system)
    for check in analyze(model).designs():
        assert bool(check.question) == (check.holds is None)
        assert check.holds is True or check.witness
        assert all(place in model for place in check)


def test_answering_the_question_settles_the_check():
    model = sample("enterprise-copilot")
    check = design(model, "SD-15")
    assert check.verdict == "unknown" and "Tool descriptions" in check.question
    for verdict, said in ((True, {"controls": ["tool_description_pinning"]}), (False, {"without": [
        "tool_description_pinning"]})):  # fmt: skip
        model.replace("connector", controls=said.get("controls", ()), without=said.get("without", ()))
        assert design(model, "SD-15").holds is verdict


def test_the_designs_are_a_table_and_no_name_in_it_is_markup():
    model = sample("support-assistant")
    model.replace("assistant", name="<script>alert(1)</script>")
    table = analyze(model).designs()
    assert "<script>" not in table._repr_html_() + table[0]._repr_html_()
    assert "SD-01" in table._repr_html_() and table[0].to_dict()["verdict"] == "fails"


def test_the_witness_lights_the_picture():
    model = sample("support-assistant")
    assert "E-mail tool" in draw(model, highlight=design(model, "SD-01")).alt
